"""Settings come from both generations of flame.yaml and from the environment, as in
src/config/client-config.ts.
"""

import os
import tempfile
from pathlib import Path

from sdk import fails, settings
from support.cases import each

import flame_object_cache
from flame_object_cache.config import Config, check_endpoint, load_config
from flame_object_cache.connection import calling

STORAGES = ("own",)

FIRST = """
current-cluster: second
clusters:
  - {name: first, endpoint: "http://first:8080", cache: "grpc://wrong:1"}
  - {name: second, endpoint: "http://second:8080", cache: "grpc://cache:9090"}
"""
SECOND = """
clusters: [{name: old, cache: "grpc://old:1"}]
current-context: prod
contexts:
  - name: dev
    cluster: {endpoint: "http://dev:8080"}
  - name: prod
    cluster: {endpoint: "https://prod:8080", tls: {ca_file: /cluster/ca.pem}}
    cache:
      endpoint: grpcs://cache
      storage: fs://shared
      tls: {ca_file: ca.pem}
      zero_copy: false
      allow_pickle: off
      warn_pickle: off
      legacy_values: 1
    package: {storage: "file:///x"}
"""


def _load(text=None, **env: str) -> Config:
    with tempfile.TemporaryDirectory() as home:
        if text is not None:
            Path(home, ".flame").mkdir()
            Path(home, ".flame", "flame.yaml").write_text(text)
        config = load_config({"HOME": home, **env})
    places = {name: path and path.replace(home, "~") for name, path in vars(config).items() if isinstance(path, str)}
    return Config(**{**vars(config), **places})


def case_of_generation_1_are_read(_cache):
    assert _load(FIRST) == Config(endpoint="grpc://cache:9090")
    assert _load("clusters: [{name: only, cache: {endpoint: 'grpc://cache:1'}}]") == Config(endpoint="grpc://cache:1")


def case_of_generation_2_are_read_even_beside_generation_1(_cache):
    assert _load(SECOND) == Config(
        endpoint="grpc+tls://cache:9090",
        storage="~/.flame/shared",
        ca_file="~/.flame/ca.pem",
        allow_pickle=False,
        warn_pickle=False,
        zero_copy=False,
        legacy=True,
    )


NOTHING = {"no file": None, "an empty file": "", "other things": "unrelated: true", "no entries": "clusters: []", "no list": "clusters:"}


@each(NOTHING)
def case_are_the_defaults_with(_cache, text):
    assert _load(text) == Config(endpoint="grpc://127.0.0.1:9090")


def case_of_the_environment_go_before_the_file(_cache):
    seen = _load(
        SECOND,
        FLAME_CACHE_ENDPOINT="grpc://env:1",
        FLAME_CACHE_STORAGE="~/mine",
        FLAME_CA_FILE="env.pem",
        FLAME_ALLOW_PICKLE="1",
        FLAME_WARN_PICKLE="1",
        FLAME_ZERO_COPY="yes",
        FLAME_LEGACY_VALUES=" ",
    )
    assert seen == Config("grpc://env:1", "~/mine", os.path.abspath("env.pem"), True, True, True, True)
    assert _load(SECOND, FLAME_CACHE_STORAGE="none").storage is None
    assert _load(FLAME_CACHE_STORAGE="file:///shared").storage == "/shared"


def case_are_looked_for_in_flame_home_first(_cache):
    with tempfile.TemporaryDirectory() as home:
        Path(home, "flame.yaml").write_text("clusters: [{name: a, cache: 'grpc://installed:1'}]")
        assert _load(FIRST, FLAME_HOME=home).endpoint == "grpc://installed:1"
        Path(home, "flame.yaml").unlink()
        assert _load(FIRST, FLAME_HOME=home).endpoint == "grpc://cache:9090"


WRONG = {
    "clusters: {name: a}": "clusters must be a list",
    "clusters: [a]": "clusters must be a mapping",
    "- a": "the file must be a mapping",
    "contexts: [{name: a, cache: 7}]": "contexts[].cache must be a mapping",
    "clusters: [{name: a}, {name: b}]": "current-cluster must name one of a, b",
    "current-cluster: c\nclusters: [{name: a}]": "current-cluster must be one of a: got 'c'",
    "clusters: [{name: a, cache: 'http://x'}]": "cache.endpoint must be grpc://HOST:PORT",
    "clusters: [{name: a, cache: {storage: 'gs://x'}}]": "cache.storage must be none, a path",
    "clusters: [{name: a, cache: {zero_copy: maybe}}]": "cache.zero_copy must be true or false: got 'maybe'",
    "a: [": "flame.yaml cannot be read",
}


@each({text: (text, reason) for text, reason in WRONG.items()})
def case_that_are_wrong_are_refused_with_their_place(_cache, entry):
    text, reason = entry
    with fails(flame_object_cache.InvalidConfig, "INVALID_CONFIG") as caught:
        _load(text)
    assert reason in str(caught[0]) and "flame.yaml" in str(caught[0]), caught[0]


ENDPOINTS = {
    "grpc://host:1": "grpc://host:1",
    "grpcs://host": "grpc+tls://host:9090",
    "GRPC+TLS://[::1]:1/": "grpc+tls://[::1]:1",
    "grpc+tcp://host:1": "grpc://host:1",
    "grpc://host:65536": None,
    "http://host:1": None,
    "grpc://:1": None,
    "grpc://a/b": None,
    "host:1": None,
}


@each({text: (text, want) for text, want in ENDPOINTS.items()})
def case_take_as_endpoint(_cache, entry):
    text, want = entry
    if want is not None:
        assert check_endpoint(text) == want
    else:
        with fails(flame_object_cache.InvalidConfig, "INVALID_CONFIG"):
            check_endpoint(text)


def case_name_a_ca_file_that_must_be_readable(_cache):
    with settings(), fails(flame_object_cache.InvalidConfig, "INVALID_CONFIG"):
        with calling("grpcs://127.0.0.1:1", Config(ca_file="/no/such.pem")):
            pass
