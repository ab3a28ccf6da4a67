"""Which network addresses the crawler may connect to.

The check stands in the resolver, so it sees exactly the addresses that are connected to: a name that resolves to another
address the second time (DNS rebinding), an odd spelling of 127.0.0.1 and the target of a redirect all pass through it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IHostnameResolver, IResolutionReceiver
from zope.interface import implementer  # type: ignore[import-untyped]

from diembao.addresses import is_public

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from scrapy.crawler import Crawler


@implementer(IResolutionReceiver)
class _Filter:
    """Passes on public addresses only; `refused` notes a host that has no other."""

    def __init__(self, receiver: Any, host: str, refused: dict[str, str]) -> None:
        self._receiver = receiver
        self._host = host
        self._refused = refused
        self._private: str | None = None
        self._passed = False

    def resolutionBegan(self, resolution: Any) -> None:  # noqa: N802 - Twisted's name
        self._receiver.resolutionBegan(resolution)

    def addressResolved(self, address: Any) -> None:  # noqa: N802
        if is_public(str(address.host)):
            self._passed = True
            self._receiver.addressResolved(address)
        else:
            self._private = str(address.host)

    def resolutionComplete(self) -> None:  # noqa: N802
        if self._private and not self._passed:
            self._refused[self._host] = self._private
        else:
            self._refused.pop(self._host, None)
        self._receiver.resolutionComplete()


@implementer(IHostnameResolver)
class GuardedResolver:
    """The reactor's resolver (IPv4 and IPv6) without private addresses, unless DIEMBAO_ALLOW_PRIVATE is set.

    Attributes:
        refused: the hosts that resolved to private addresses only, with one of these.
    """

    refused: dict[str, str]

    def __init__(self, reactor: Any, allow_private: bool) -> None:
        self._reactor = reactor
        self._original = reactor.nameResolver
        self._allow_private = allow_private
        self.refused = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler, reactor: Any) -> Self:
        """Called by Scrapy before the reactor runs."""
        return cls(reactor, crawler.settings.getbool("DIEMBAO_ALLOW_PRIVATE"))

    def install_on_reactor(self) -> None:
        """Resolve every name of this process through here."""
        self._reactor.installNameResolver(self)

    def resolveHostName(  # noqa: N802
        self,
        resolutionReceiver: Any,  # noqa: N803
        hostName: str,  # noqa: N803
        portNumber: int = 0,  # noqa: N803
        addressTypes: Sequence[type] | None = None,  # noqa: N803
        transportSemantics: str = "TCP",  # noqa: N803
    ) -> Any:
        """See twisted.internet.interfaces.IHostnameResolver."""
        receiver = resolutionReceiver if self._allow_private else _Filter(resolutionReceiver, hostName, self.refused)
        return self._original.resolveHostName(receiver, hostName, portNumber, addressTypes, transportSemantics)
