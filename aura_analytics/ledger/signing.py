"""Signatures (Ed25519, RFC 8032) under heads of a ledger: who holds the key said so, and nobody else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aura_analytics.errors import FileFormatError, FileMissingError, ParameterError, Problem
from aura_analytics.outputs import written

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

__all__ = ["is_signed_by", "new_key", "private_key", "public_key", "signature", "signed_text"]


def _library() -> Any:
    try:
        from cryptography.hazmat.primitives import serialization
    except ModuleNotFoundError:
        next_ = "pip install 'aura-analytics[signing]'"
        raise ParameterError(Problem("signatures need a library", expected="cryptography", next=next_)) from None
    return serialization


def signed_text(said: Mapping[str, Any]) -> bytes:
    """What is signed of a head: JSON without spaces, keys in the order of the alphabet, without the signature."""
    rest = {name: value for name, value in said.items() if name != "signature"}
    return json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()


def new_key(path: str | Path) -> Path:
    """Make a key: the private one for its owner alone, the public one beside it as `NAME.pub`; returns the latter.

    Parameters
    ----------
    path
        File of the private key (PEM), which must not exist.

    Raises
    ------
    ParameterError
        If there is a file, or the library is missing.
    """
    form = _library()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    made = Ed25519PrivateKey.generate()
    target = Path(path)
    public = target.with_name(target.name + ".pub")
    with written(public) as part:
        part.write_bytes(made.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo))
    with written(target) as part:
        part.write_bytes(made.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()))
        part.chmod(0o600)
    target.chmod(0o600)
    return public


def _read(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        next_ = "make one: aura ledger new-key --out FILE"
        raise FileMissingError(Problem("no such key", got=str(path), next=next_)) from None
    except OSError as error:
        raise FileFormatError(Problem("the key cannot be read", got=error.strerror, where=str(path))) from None


def private_key(path: str | Path) -> Ed25519PrivateKey:
    """The private key of a file.

    Raises
    ------
    FileMissingError, FileFormatError
        If there is none.
    """
    form = _library()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    found = _loaded(path, lambda text: form.load_pem_private_key(text, password=None))
    if not isinstance(found, Ed25519PrivateKey):
        raise _no_key(path, "private", found)
    return found


def public_key(path: str | Path) -> Ed25519PublicKey:
    """The public key of a file.

    Raises
    ------
    FileMissingError, FileFormatError
        If there is none.
    """
    form = _library()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    found = _loaded(path, form.load_pem_public_key)
    if not isinstance(found, Ed25519PublicKey):
        raise _no_key(path, "public", found)
    return found


def _loaded(path: str | Path, load: Callable[[bytes], object]) -> object:
    """What a file holds, or why it cannot be loaded."""
    try:
        return load(_read(path))
    except (ValueError, TypeError) as error:
        return error


def _no_key(path: str | Path, kind: str, found: object) -> FileFormatError:
    got, expected = type(found).__name__, "Ed25519 in PEM"
    return FileFormatError(Problem(f"this is no {kind} key", got=got, expected=expected, where=str(path)))


def signature(said: Mapping[str, Any], key: Ed25519PrivateKey) -> str:
    """The signature under a head, in hexadecimal digits."""
    return key.sign(signed_text(said)).hex()


def is_signed_by(said: Mapping[str, Any], key: Ed25519PublicKey) -> bool:
    """Whether a head has the signature of a key."""
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(bytes.fromhex(str(said.get("signature") or "")), signed_text(said))
    except (InvalidSignature, ValueError):
        return False
    return True
