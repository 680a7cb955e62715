"""Whose certificates a client trusts: the system's CAs, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name.

Both are OpenSSL's own variables. It passes over what it cannot read of them, which is said here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from budgetctl.environment import variable
from budgetctl.errors import InvalidValueError

if TYPE_CHECKING:
    import ssl

_FILE, _DIRECTORIES = "SSL_CERT_FILE", "SSL_CERT_DIR"

_UNKNOWN_ISSUER = frozenset({2, 18, 19, 20, 21})
"""OpenSSL's codes for a chain that ends in nobody who is trusted: `X509_V_ERR_…` of x509_vfy.h."""


def trusting_context() -> ssl.SSLContext:
    """What an encrypted connection is opened with. Raises `InvalidValueError` for a variable that names nothing."""
    import ssl

    file, directories = variable(_FILE), variable(_DIRECTORIES)
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if file is not None:
        try:
            context.load_verify_locations(cafile=file)
        except OSError as error:
            reason = "it holds no certificate in PEM" if isinstance(error, ssl.SSLError) else error.strerror
            raise InvalidValueError(
                f"{_FILE} names {file}, which cannot be used: {reason}", hint=f"unset {_FILE}, or name a file of CAs"
            ) from error
    for each in () if directories is None else directories.split(os.pathsep):
        if not Path(each).is_dir():
            raise InvalidValueError(
                f"{_DIRECTORIES} names {each}, which is no directory", hint=f"unset {_DIRECTORIES}, or correct it"
            )
    return context


def advice_on(error: ssl.SSLCertVerificationError) -> str:
    """What to do about a certificate that is not trusted."""
    if error.verify_code not in _UNKNOWN_ISSUER:
        return f"check the address, the clock and the server's certificate; {_FILE} has no part in this"
    file = os.environ.get(_FILE)
    if file is None:
        return f"put the certificate of its CA into a file, and name that: {_FILE}=ca.pem"
    return f"put the certificate of its CA into {file}, which {_FILE} names"
