"""An imitation of the options of `cmsRun`: the standard ones, without a command line."""


class VarParsing:
    def __init__(self, mode):
        self.inputFiles, self.maxEvents = ["file:events.root"], -1

    def setDefault(self, name, value):
        setattr(self, name, value)

    def parseArguments(self):
        pass
