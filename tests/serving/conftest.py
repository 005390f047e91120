"""One real Triton server for the folder."""

import pytest
from client import NAME, OTHER, ZOO

from e2e.bundles import load_bundle
from e2e.problems import InputError
from e2e.serving.installation import find_server
from e2e.serving.repository import write_repository
from e2e.serving.server import ServerOptions, TritonServer


@pytest.fixture(scope="session", autouse=True)
def _server_is_installed(tmp_path_factory):
    try:
        find_server(tmp_path_factory.mktemp("installation"))
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def bundle():
    return load_bundle(ZOO / NAME)


@pytest.fixture(scope="session")
def repository(tmp_path_factory):
    return write_repository([ZOO / NAME, ZOO / OTHER], tmp_path_factory.mktemp("repository"))


@pytest.fixture(scope="session")
def server(repository):
    with TritonServer(repository, ServerOptions(port=0)) as running:
        yield running
