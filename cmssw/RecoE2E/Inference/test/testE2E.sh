#!/bin/bash -e
# Of `scram b runtests`: the functions load, and every plugin describes itself.
cd "${CMSSW_BASE}/src/RecoE2E/Inference/test"
python3 -c 'from RecoE2E.Inference import taggers, inputs'
edmPluginHelp -p E2EDetectorFrameProducer > /dev/null
edmPluginHelp -p E2ECandidateFrameProducer > /dev/null
edmPluginHelp -p E2EONNXProducer > /dev/null
edmPluginHelp -p E2ETorchProducer > /dev/null
edmPluginHelp -p E2ESonicProducer > /dev/null
edmPluginHelp -p E2EFilter > /dev/null
# a file of relval, where there is one
if [ -n "${E2E_TEST_FILE}" ]; then
  cmsRun e2e_cfg.py inputFiles="file:${E2E_TEST_FILE}" maxEvents=5
fi
