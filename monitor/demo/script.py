"""The misfortunes of the world in a box: who bought what, what goes wrong, and when. One seed, one script."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network

from monitor.demo.goods import CLOUD, COCKBOX, CONTABO, DROPLET, GOODS, KEY, LINODE, NJALLA, ROBOT, VPN, VPN_PLUS, VULTR

SPAM, SHIELD, PROXY, WORLD, DEAD = (
    "spam.lists.demo",
    "shield.lists.demo",
    "proxy.lists.demo",
    "world.lists.demo",
    "dead.lists.demo",
)
ZONES = {SPAM: "alert", SHIELD: "alert", PROXY: "warn", WORLD: "alert", DEAD: "warn"}
"""The lists of this world, and the weight that the shop gives each."""

NAMES = (
    ("alice", "Alice", "en"),
    ("bogdan", "Bogdan", "ru"),
    ("chen", "Chen", "zh"),
    ("dora", "Dora", "en"),
    ("elena", "Elena", "ru"),
    ("farid", "Farid", "en"),
    ("gao", "Gao", "zh"),
    ("hanna", "Hanna", "en"),
    ("igor", "Igor", "ru"),
    ("jia", "Jia", "zh"),
    ("karim", "Karim", "en"),
    ("lena", "Lena", "en"),
)


class Deed(StrEnum):
    """What the script can do to the world. ``on`` is an address, an account, a provider or a list."""

    LIST = "list"
    DELIST = "delist"
    LIST_THE_WORLD = "list_the_world"
    LOCK = "lock"
    REVOKE = "revoke"
    WARN = "warn"
    MISPLACE = "misplace"
    """The account's servers stand elsewhere: ``where`` is the provider's word for it."""
    SHRINK = "shrink"
    """The account's servers have only so much memory: ``where`` is how much, in MiB."""
    SUSPEND = "suspend"
    """The account's servers are suspended, and not a word is said about the account."""
    TROUBLE = "trouble"
    """Hetzner's status page tells of an outage; ``on`` is its title."""
    BAN_KEY = "ban_key"
    """The endpoint does not take this customer's key any more."""
    LIMIT = "limit"
    """The provider has had enough of our questions."""
    HIDE = "hide"
    """The provider's edge answers with pages for people."""
    SHUT_OUT = "shut_out"
    """The provider turns everybody away, whatever the account."""
    LET_IN = "let_in"


@dataclass(frozen=True, slots=True)
class Act:
    """One misfortune, ``at`` seconds after the daemon is ready; negative: it has happened before that."""

    at: float
    deed: Deed
    on: str
    words: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Sold:
    """A delivery of the demo; ``ago`` is how long before the start it was made."""

    order: str
    customer: str
    unit: str
    tier: str
    supplier: str
    ago: timedelta
    range: IPv4Network | None = None
    address: IPv4Address | None = None
    access: str = ""


@dataclass(frozen=True, slots=True)
class OnShelf:
    """A spare of the demo."""

    unit: str
    tier: str
    supplier: str
    cost: str
    range: IPv4Network | None = None
    access: str = ""


@dataclass(frozen=True, slots=True)
class Script:
    """A whole world and its course."""

    sold: tuple[Sold, ...]
    shelf: tuple[OnShelf, ...]
    acts: tuple[Act, ...]
    customers: tuple[tuple[str, str, str], ...] = field(default=NAMES)


DAY = timedelta(hours=24)
SUPPLIERS = ("northwind", "eastgate", "harbour", "lakeside", "midtown", "oldbridge")
ENDING = 8.0
"""Seconds after the start at which one window ends, before its range is listed."""
ALREADY = -1.0


@dataclass(slots=True)
class _Shop:
    """Sells, and draws who buys what from whom."""

    chance: random.Random
    sold: list[Sold] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    suppliers: list[str] = field(default_factory=list)
    ranges: Callable[[], IPv4Network] = field(init=False)

    def __post_init__(self) -> None:
        self.ranges = _ranges(self.chance)

    def sell(self, tier: str, ago: timedelta | None = None) -> Sold:
        """Sell one, some hours ago, to the next customer in turn."""
        ago = ago or timedelta(hours=self.chance.uniform(1, 20))
        number = 1001 + len(self.sold)
        if not self.people:
            self.people = [name for name, _, _ in NAMES]
            self.chance.shuffle(self.people)
        if not self.suppliers:
            # In turn: three failures at one supplier are an incident, which is another story.
            self.suppliers = list(SUPPLIERS)
            self.chance.shuffle(self.suppliers)
        order, customer, supplier = f"INV-{number}", self.people.pop(), self.suppliers.pop()
        if GOODS[tier].niche == "vpn":
            network = self.ranges()
            address = network[self.chance.randrange(1, network.num_addresses - 1)]
            access = f"{tier}-{number}" if GOODS[tier].protocol else ""
            made = Sold(order, customer, f"vpn-{number}", tier, supplier, ago, network, address, access)
        else:
            made = Sold(order, customer, f"vps-{number}", tier, supplier, ago, access=f"{tier}-{number}")
        self.sold.append(made)
        return made


def write(seed: int) -> Script:
    """Write the script of a seed. What must happen in every one does; who it happens to, and when, is drawn."""
    chance = random.Random(seed)  # noqa: S311 - a play needs the same chance every time, not a secret one
    shop = _Shop(chance)
    # Those that will be struck come first, so that nobody is struck twice.
    struck = (VPN, DROPLET, CONTABO, LINODE, CLOUD, KEY)
    listed, locked, unpaid, elsewhere, small, banned = (shop.sell(tier) for tier in struck)
    denied, over, warned = shop.sell(DROPLET), shop.sell(VPN, DAY - timedelta(seconds=ENDING)), shop.sell(VPN)
    ticket, limited, ending, hidden = (shop.sell(tier) for tier in (LINODE, ROBOT, NJALLA, COCKBOX))
    frozen = shop.sell(CLOUD)
    for tier in (KEY, VULTR, VULTR, VULTR, VPN, DROPLET, VPN, DROPLET, CLOUD, CONTABO):
        shop.sell(tier)
    shelf = (
        *(OnShelf(f"vpn-spare-{n}", VPN, "harbour", f"{3 + n}.00", shop.ranges()) for n in (1, 2, 3)),
        *(
            OnShelf(name, KEY, "harbour", "6.00", shop.ranges(), access=name)
            for name in ("vpn-key-spare-1", "vpn-key-spare-2")
        ),
        OnShelf("vpn-spare-9", VPN_PLUS, "harbour", "9.00", shop.ranges()),
        *(_account(f"vps-spare-{n}", DROPLET, f"{4 + n}.00") for n in (1, 2)),
        *(_account(f"{tier}-spare", tier, "7.00") for tier in (LINODE, CLOUD, CONTABO)),
    )
    sick = shelf[0]
    acts = [
        Act(ALREADY, Deed.MISPLACE, elsewhere.access, f"{_which(elsewhere)} stands in Singapore", "sg-sin-2"),
        Act(ALREADY, Deed.SHRINK, small.access, f"{_which(small)} has 2 GB of the 4 GB that were promised", "2048"),
        Act(ALREADY, Deed.MISPLACE, frozen.access, f"{_which(frozen)} stands in Helsinki, as was ordered", "hel1"),
        Act(ALREADY, Deed.TROUBLE, "Outage in Helsinki", "Hetzner's status page tells of an outage in Helsinki"),
        Act(2.0, Deed.LIST, _first(sick.range), f"{SPAM} lists {sick.unit}, a spare on the shelf", SPAM),
        Act(chance.uniform(3, 5), Deed.LIST, str(listed.address), _said(SPAM, listed), SPAM),
        Act(chance.uniform(5, 7), Deed.LIST, str(listed.address), _said(SHIELD, listed), SHIELD),
        Act(chance.uniform(3, 8), Deed.LOCK, locked.access, f"DigitalOcean locks {_which(locked)}"),
        Act(chance.uniform(3, 8), Deed.LOCK, unpaid.access, f"Contabo demands to be paid for {_which(unpaid)}"),
        Act(4.0, Deed.REVOKE, denied.access, f"the token of {_which(denied)} is rotated; its server runs"),
        Act(5.0, Deed.WARN, ticket.access, f"Linode opens an abuse ticket on {_which(ticket)}: no ban yet"),
        Act(5.0, Deed.BAN_KEY, banned.access, f"the endpoint takes the key of {_which(banned)} no more, and others"),
        Act(5.0, Deed.SUSPEND, frozen.access, f"every address of {_which(frozen)} is blocked, amid the outage there"),
        Act(5.5, Deed.LIMIT, limited.access, f"Hetzner Robot's limit is reached: silence about {_which(limited)}"),
        Act(5.5, Deed.WARN, ending.access, f"{_which(ending)} will soon expire at Njalla"),
        Act(6.0, Deed.HIDE, hidden.access, f"Cockbox answers with pages for people: silence about {_which(hidden)}"),
        Act(6.0, Deed.LIST, str(warned.address), f"{_said(PROXY, warned)}: one warning alone", PROXY),
        Act(7.0, Deed.SHUT_OUT, "vultr", "Vultr turns everybody away, whatever the account: its own failure"),
        Act(ENDING + 3, Deed.LIST, str(over.address), f"{_said(SPAM, over)}: its window is over", SPAM),
        # Last, for while it lies no spare of a range can be seen sound.
        Act(26.0, Deed.LIST_THE_WORLD, WORLD, f"{WORLD} is sold, and lists every address there is"),
        Act(ENDING + 12, Deed.LET_IN, "vultr", "Vultr answers again"),
    ]
    return Script(tuple(shop.sold), shelf, tuple(sorted(acts, key=lambda act: act.at)))


def _account(unit: str, tier: str, cost: str) -> OnShelf:
    return OnShelf(unit, tier, "eastgate", cost, access=f"{unit}-token")


def _which(sold: Sold) -> str:
    return f"{sold.unit} ({sold.order})"


def _ranges(chance: random.Random) -> Callable[[], IPv4Network]:
    """Draw /28 ranges that never overlap, from a block that a demo may speak of: nobody outside is ever asked."""
    block = IPv4Network("185.100.0.0/14")
    taken: set[int] = set()

    def draw() -> IPv4Network:
        while (number := chance.randrange(block.num_addresses // 16)) in taken:
            pass
        taken.add(number)
        return IPv4Network((int(block.network_address) + number * 16, 28))

    return draw


def _first(network: IPv4Network | None) -> str:
    return str(network[0]) if network is not None else ""


def _said(zone: str, sold: Sold) -> str:
    return f"{zone} lists {sold.address}, delivered to {sold.customer} under {sold.order}"
