"""What the demo shop sells: tiers by name, and the provider behind each."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Goods:
    """A tier. ``promise`` is what its table in monitor.toml promises: sizes in MiB and GiB, and a region's name.

    ``protocol`` is how the keys of its units are tried.
    """

    niche: str
    rank: int
    provider: str = ""
    plan: str = ""
    promise: Mapping[str, str | int] | None = None
    protocol: str = ""

    def table(self, name: str) -> str:
        """Write its table."""
        facts: dict[str, str | int] = {"niche": self.niche, "rank": self.rank}
        facts |= {key: words for key, words in (("provider", self.provider), ("plan", self.plan)) if words}
        facts |= self.promise or {}
        lines = [f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}" for key, value in facts.items()]
        return "\n".join([f"[tiers.{name}]", *lines, ""])


VPN, VPN_PLUS, KEY = "vpn-eu", "vpn-eu-plus", "vpn-wireguard"
DROPLET, VULTR, LINODE, CLOUD, ROBOT, CONTABO, NJALLA, COCKBOX = (
    "do-basic",
    "vultr-fra",
    "linode-fra",
    "cloud-4gb",
    "robot-ex44",
    "contabo-eu",
    "njalla-1",
    "cockbox-1",
)
GOODS: Mapping[str, Goods] = {
    VPN: Goods("vpn", 10, promise={"region": "Europe"}),
    VPN_PLUS: Goods("vpn", 20, promise={"region": "Europe"}),
    KEY: Goods("vpn", 15, promise={"region": "Europe"}, protocol="wireguard"),
    DROPLET: Goods("vps", 10, "digitalocean", "s-1vcpu-1gb"),
    VULTR: Goods("vps", 10, "vultr", "vc2-2c-4gb", {"region": "Frankfurt"}),
    LINODE: Goods("vps", 10, "linode", "g6-standard-2", {"region": "Frankfurt"}),
    CLOUD: Goods("vps", 10, "hetzner", "cx32", {"vcpus": 2, "ram_mib": 4096, "disk_gib": 80}),
    ROBOT: Goods("vps", 30, "hetzner_robot", "EX44", {"region": "Falkenstein"}),
    CONTABO: Goods("vps", 10, "contabo", "V45", {"ram_mib": 4096, "traffic_gib": 32000}),
    # These two tell no sizes: what the plan promises was not measured.
    NJALLA: Goods("vps", 10, "njalla", "njalla1", {"ram_mib": 1536}),
    COCKBOX: Goods("vps", 10, "cockbox", "basic"),
}
