"""Models by name from GitHub repositories or local folders, and files from URLs."""

import hashlib
import importlib.util
import os
import re
import shutil
import sys
import tempfile
import urllib.request
import zipfile
from urllib.parse import urlparse

import torch

__all__ = ["download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir"]

_HASH = re.compile(r"-([a-f0-9]*)\.")
_hub_dir = None


def get_dir():
    """The folder of downloads: :func:`set_dir`'s, or ``$TORCH_HOME/hub``, or ``~/.cache/torch/hub``."""
    if _hub_dir is not None:
        return _hub_dir
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return os.path.join(os.path.expanduser(os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))), "hub")


def set_dir(d):
    """Set the folder of downloads."""
    global _hub_dir
    _hub_dir = os.path.expanduser(d)


def download_url_to_file(url, dst, hash_prefix=None, progress=True):
    """Fetch a URL into the file `dst`; its SHA-256 must begin with `hash_prefix`, else RuntimeError and no file."""
    dst = os.path.expanduser(dst)
    folder = os.path.dirname(os.path.abspath(dst))
    request = urllib.request.Request(url, headers={"User-Agent": "torch.hub"})
    digest = hashlib.sha256()
    with urllib.request.urlopen(request) as source:
        size, done = int(source.headers.get("Content-Length") or 0), 0
        number, fresh = tempfile.mkstemp(suffix=".partial", dir=folder)
        try:
            with os.fdopen(number, "wb") as target:
                while block := source.read(1 << 17):
                    target.write(block)
                    digest.update(block)
                    done += len(block)
                    if progress and size and sys.stderr.isatty():
                        print(f"\r{done / size:.0%} of {size / 1e6:.1f} MB", end="", file=sys.stderr)
            if hash_prefix is not None and not digest.hexdigest().startswith(hash_prefix):
                raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{digest.hexdigest()}")')
            os.replace(fresh, dst)
        finally:
            if os.path.exists(fresh):
                os.unlink(fresh)


def load_state_dict_from_url(url, model_dir=None, map_location=None, progress=True, check_hash=False, file_name=None,
                             weights_only=False):
    """Fetch a file once into the cache and :func:`torch.load` it; a zip archive with one file is unpacked first."""
    model_dir = os.path.join(get_dir(), "checkpoints") if model_dir is None else model_dir
    os.makedirs(model_dir, exist_ok=True)
    name = file_name or os.path.basename(urlparse(url).path)
    path = os.path.join(model_dir, name)
    if not os.path.exists(path):
        prefix = None
        if check_hash and (match := _HASH.search(name)):
            prefix = match.group(1)
        print(f'Downloading: "{url}" to {path}', file=sys.stderr)
        download_url_to_file(url, path, prefix, progress=progress)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) == 1:
                archive.extract(members[0], model_dir)
                path = os.path.join(model_dir, members[0].filename)
    return torch.load(path, map_location=map_location, weights_only=weights_only)


def _parse(github):
    """("owner", "name", "branch" or None) of "owner/name[:branch]"."""
    repository, _, branch = github.partition(":")
    owner, slash, name = repository.partition("/")
    if not slash or not owner or not name or "/" in name:
        raise ValueError(f"Expected 'owner/name[:branch]', got {github!r}")
    return owner, name, branch or None


def _fetch(github, force_reload, verbose, trust_repo):
    """The folder of a repository, downloaded when it isn't there."""
    owner, name, branch = _parse(github)
    os.makedirs(get_dir(), exist_ok=True)
    _check_trust(owner, name, trust_repo)
    for candidate in [branch] if branch else ["main", "master"]:
        folder = os.path.join(get_dir(), "_".join((owner, name, candidate.replace("/", "_"))))
        if os.path.exists(folder) and not force_reload:
            if verbose:
                print(f"Using cache found in {folder}", file=sys.stderr)
            return folder
    error = None
    for candidate in [branch] if branch else ["main", "master"]:
        folder = os.path.join(get_dir(), "_".join((owner, name, candidate.replace("/", "_"))))
        archive_path = folder + ".zip"
        try:
            download_url_to_file(f"https://github.com/{owner}/{name}/zipball/{candidate}", archive_path, progress=False)
        except OSError as failure:
            error = failure
            continue
        with zipfile.ZipFile(archive_path) as archive:
            inside = archive.infolist()[0].filename
            archive.extractall(get_dir())
        os.unlink(archive_path)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.move(os.path.join(get_dir(), inside), folder)
        return folder
    raise RuntimeError(f"could not download {github}: {error}")


def _check_trust(owner, name, trust_repo):
    """Ask before running code of a repository for the first time; `trust_repo` True answers yes and is remembered."""
    path = os.path.join(get_dir(), "trusted_list")
    trusted = set()
    if os.path.exists(path):
        with open(path) as file:
            trusted = {line.strip() for line in file}
    entry = f"{owner}_{name}"
    if entry in trusted or trust_repo is None:
        return
    if trust_repo is False or trust_repo == "check":
        answer = input(f"The repository {owner}/{name} does not belong to the list of trusted repositories and as such cannot be"
                       " downloaded. Do you trust this repository and wish to add it to the trusted list of repositories "
                       "(y/N)? ")
        if answer.lower() not in ("y", "yes"):
            raise Exception("Untrusted repository.")
    with open(path, "a") as file:
        file.write(entry + "\n")


def _entry_points(repo_or_dir, source, force_reload, verbose, trust_repo):
    """The module hubconf.py of a repository or folder."""
    source = source.lower()
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    folder = _fetch(repo_or_dir, force_reload, verbose, trust_repo) if source == "github" else os.path.expanduser(repo_or_dir)
    sys.path.insert(0, folder)
    try:
        spec = importlib.util.spec_from_file_location("hubconf.py", os.path.join(folder, "hubconf.py"))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
    missing = [name for name in getattr(module, "dependencies", ()) if importlib.util.find_spec(name) is None]
    if missing:
        raise RuntimeError(f"Missing dependencies: {', '.join(missing)}")
    return module


def list(github, force_reload=False, skip_validation=False, trust_repo="check", verbose=True):
    """Names of the models of a repository "owner/name[:branch]"."""
    module = _entry_points(github, "github", force_reload, verbose, trust_repo)
    return [name for name in dir(module) if callable(getattr(module, name)) and not name.startswith("_")]


def _entry(module, model):
    function = getattr(module, model, None)
    if not isinstance(model, str) or not callable(function):
        raise RuntimeError(f"Cannot find callable {model} in hubconf")
    return function


def help(github, model, force_reload=False, skip_validation=False, trust_repo="check"):
    """The documentation of a model."""
    return _entry(_entry_points(github, "github", force_reload, True, trust_repo), model).__doc__


def load(repo_or_dir, model, *args, source="github", trust_repo="check", force_reload=False, verbose=True,
         skip_validation=False, **kwargs):
    """Call the function `model` of ``hubconf.py`` in a repository "owner/name[:branch]" or, source="local", a folder."""
    return _entry(_entry_points(repo_or_dir, source, force_reload, verbose, trust_repo), model)(*args, **kwargs)
