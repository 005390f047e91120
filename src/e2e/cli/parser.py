"""What the command line takes: verbs, arguments and their help. The defaults are those of the verbs' functions."""

from __future__ import annotations

from e2e import __version__
from e2e.cli.answer_verbs import add_answer_verbs
from e2e.cli.arguments import Add
from e2e.cli.data_verbs import add_data_verbs
from e2e.cli.errors import Parser
from e2e.cli.network_verbs import add_network_verbs

_EPILOG = """exit codes: 0 all done; 1 some input could not be used (one line on standard error says what, where and
what to do; other inputs were done); 2 the command line cannot be parsed; 130 interrupted"""


def make_parser() -> Parser:
    parser = Parser(
        "e2e", description="End-to-End reconstruction for CMS: detector hits in, identity and mass out.", epilog=_EPILOG
    )
    parser.add_argument("--version", action="version", version=f"e2e {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, about: str) -> Add:
        return verbs.add_parser(name, help=about, description=about).add_argument

    for add_verbs in (add_data_verbs, add_network_verbs, add_answer_verbs):
        add_verbs(verb)
    return parser
