"""The world in a box: lists, eight providers and Telegram on loopback, and what may befall them."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, assert_never

from monitor.demo.botapi import BotApi
from monitor.demo.cockbox import CockboxApi
from monitor.demo.contabo import ContaboApi
from monitor.demo.digitalocean import DigitalOceanApi, EdgePage, Limited
from monitor.demo.goods import GOODS
from monitor.demo.hetzner import HetznerCloudApi, HetznerRobotApi
from monitor.demo.linode import LinodeApi
from monitor.demo.listing import Dead, World
from monitor.demo.loopback import LOOPBACK
from monitor.demo.njalla import NjallaApi
from monitor.demo.office import Office
from monitor.demo.pages import HetznerPage
from monitor.demo.papers import Places, write_config, write_secrets, write_tables
from monitor.demo.script import DEAD, ZONES, Act, Deed, Script
from monitor.demo.vultr import VultrApi
from monitor.demo.wireguard import Peer, WireGuardEndpoint
from monitor.demo.zones import ZoneServer

TOKEN = "1000001:fake-fake-fake-fake-fake-fake-fake"  # noqa: S105 - opens nothing but the double


class DemoWorld:
    """Runs the other side of every wire, and does what the script says."""

    def __init__(self, script: Script, seed: int) -> None:
        self.script = script
        self.zones = ZoneServer(*ZONES, seed=seed)
        self.digitalocean = DigitalOceanApi()
        self.offices: Mapping[str, Office] = {
            "cockbox": CockboxApi(),
            "contabo": ContaboApi(),
            "hetzner": HetznerCloudApi(),
            "hetzner_robot": HetznerRobotApi(),
            "linode": LinodeApi(),
            "njalla": NjallaApi(),
            "vultr": VultrApi(),
        }
        self.wireguard = WireGuardEndpoint()
        self.page = HetznerPage()
        self.bot = BotApi(token=TOKEN, seed=seed)
        self._stack = AsyncExitStack()
        self._chats = {name: self.bot.customer(first, language=tongue) for name, first, tongue in script.customers}
        self._operators = self.bot.group("Operators")
        self._home: dict[str, str] = {}
        """The provider of each account."""
        self._keys: dict[str, Peer] = {}
        """The key behind each VPN unit that has one."""
        self._door = 22

    async def __aenter__(self) -> Self:
        for server in (self.zones, self.digitalocean, self.wireguard, self.page, self.bot):
            await self._stack.enter_async_context(server)
        for office in self.offices.values():
            await self._stack.enter_async_context(office)
        self.zones.behave(DEAD, Dead())
        for sold in self.script.sold:
            self._open(sold.access, sold.tier)
        for spare in self.script.shelf:
            self._open(spare.access, spare.tier)
        await self._plug_in()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _plug_in(self) -> None:
        """Let the servers of those whose token will be rotated run on loopback, so that one can knock at them."""
        for act in self.script.acts:
            if act.deed is Deed.REVOKE:
                self._door = await self.digitalocean.plug_in(act.on)
                for droplet in self.digitalocean.accounts[act.on].droplets:
                    droplet.address = LOOPBACK

    def _open(self, account: str, tier: str) -> None:
        self._home[account] = provider = GOODS[tier].provider
        if provider == "digitalocean":
            self.digitalocean.account(account)
        elif provider:
            self.offices[provider].tenant(account)
        elif account:
            self._keys[account] = self.wireguard.admit()

    @property
    def customers(self) -> dict[int, str]:
        """Who is behind each private chat."""
        return {user.id: name for name, user in self._chats.items()}

    @property
    def operators(self) -> int:
        """The operators' chat."""
        return self._operators.id

    def do(self, act: Act) -> None:
        """Let one misfortune happen."""
        match act.deed:
            case Deed.LIST | Deed.DELIST | Deed.LIST_THE_WORLD:
                self._enter(act.deed, act)
            case Deed.MISPLACE | Deed.SHRINK | Deed.SUSPEND:
                self._change(act.deed, act)
            case Deed.LOCK | Deed.REVOKE | Deed.WARN | Deed.LIMIT | Deed.HIDE:
                self._strike(act.deed, act)
            case Deed.SHUT_OUT | Deed.LET_IN:
                for tenant in self.offices[act.on].tenants.values():
                    tenant.revoked = act.deed is Deed.SHUT_OUT
            case Deed.TROUBLE:
                self.page.outages.append(act.on)
            case Deed.BAN_KEY:
                self._keys[act.on].banned = True
            case _:
                assert_never(act.deed)

    def _enter(self, deed: Literal[Deed.LIST, Deed.DELIST, Deed.LIST_THE_WORLD], act: Act) -> None:
        match deed:
            case Deed.LIST:
                self.zones.list(act.where, act.on, reason=f"Spam seen from {act.on}")
            case Deed.DELIST:
                self.zones.delist(act.where, act.on)
            case Deed.LIST_THE_WORLD:
                self.zones.behave(act.on, World())
            case _:
                assert_never(deed)

    def _change(self, deed: Literal[Deed.MISPLACE, Deed.SHRINK, Deed.SUSPEND], act: Act) -> None:
        office = self.offices[self._home[act.on]]
        for machine in office.tenants[act.on].machines:
            match deed:
                case Deed.MISPLACE:
                    machine.region = act.where
                case Deed.SHRINK:
                    machine.ram_mib = int(act.where)
                case Deed.SUSPEND:
                    office.suspend(act.on)
                case _:
                    assert_never(deed)

    def _strike(self, deed: Literal[Deed.LOCK, Deed.REVOKE, Deed.WARN, Deed.LIMIT, Deed.HIDE], act: Act) -> None:
        provider = self._home[act.on]
        office = self.digitalocean if provider == "digitalocean" else self.offices[provider]
        match deed:
            case Deed.LOCK:
                office.lock(act.on)
            case Deed.REVOKE:
                office.revoke(act.on)
            case Deed.WARN:
                office.warn(act.on)
            case Deed.LIMIT:
                office.behave(act.on, Limited())
            case Deed.HIDE:
                office.behave(act.on, EdgePage())
            case _:
                assert_never(deed)

    def write_files(self, folder: Path, now: datetime) -> Path:
        """Write what the shop would, in this folder. Give monitor.toml."""
        secrets = {"telegram_token": TOKEN}
        secrets |= {account.name: account.token for account in self.digitalocean.accounts.values()}
        secrets |= {each.name: each.secret for office in self.offices.values() for each in office.tenants.values()}
        secrets |= {name: self.wireguard.configuration(peer) for name, peer in self._keys.items()}
        write_secrets(folder, secrets)
        write_tables(folder, self.script, {name: user.id for name, user in self._chats.items()}, now)
        host, port = self.zones.address
        providers = {"digitalocean": self.digitalocean.base_url}
        providers |= {name: office.base_url for name, office in self.offices.items()}
        botapi = self.bot.base_url.removesuffix("/bot")
        places = Places(f"{host}:{port}", botapi, self.operators, providers, self._door, self.page.url)
        return write_config(folder, places)
