"""Where a request comes from, and the mark under which that is kept: a keyed hash, another one each day.

In: REMOTE_ADDR, and X-Forwarded-For when BARDLOOP_PROXIES says that proxies of ours stand in front. Out: a mark from
which nobody without the secret key learns the address.
"""

import ipaddress

from django.conf import settings
from django.utils import timezone
from django.utils.crypto import salted_hmac


def client_address(request) -> str:
    """The caller's address; of an IPv6 address the network of 64 bits, all of which one household owns.

    Each of our proxies adds whom it heard to the right end of X-Forwarded-For. What stands left of the entry that our
    outermost proxy added was said by the caller, and is not believed.
    """
    chain = [request.META.get("REMOTE_ADDR", "")]
    if settings.PROXIES:
        forwarded = request.headers.get("X-Forwarded-For", "")
        chain = [entry.strip() for entry in forwarded.split(",") if entry.strip()] + chain
    entry = chain[max(0, len(chain) - 1 - settings.PROXIES)]
    try:
        address = ipaddress.ip_address(entry)
    except ValueError:  # a socket file has none, and a proxy that writes anything else is one caller to us
        return "unknown"
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address.packed[:8] + bytes(8), 64)))


def mark(request) -> str:
    """The day's keyed hash of the caller's address, 120 bits.

    Written as a private IPv6 address (fd00::/8, RFC 4193), since django-axes keeps it in a column for addresses.
    """
    salt = f"webapp.access.address/{timezone.now().date()}"
    digest = salted_hmac(salt, client_address(request), algorithm="sha256").digest()
    return str(ipaddress.IPv6Address(b"\xfd" + digest[:15]))
