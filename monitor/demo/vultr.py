"""Vultr's API v2, read side: cursors, errors in one word, and instances that hold secrets nobody asked for."""

import base64

from aiohttp import web

from monitor.demo.office import Json, Machine, Office, Tenant, bearer, positive


class VultrApi(Office):
    """Speaks Vultr. There is no account status: what is locked has suspended instances."""

    region = "fra"
    running = "active"

    def routes(self) -> list[web.RouteDef]:
        """Give the paths of the API."""
        return [web.get("/v2/account", self._account), web.get("/v2/instances", self._instances)]

    def key(self, request: web.Request) -> str:
        """Read from a request who asks."""
        return bearer(request)

    def say(self, status: int, words: str) -> web.Response:
        """Word an error."""
        return web.json_response({"error": words, "status": status}, status=status)

    def deny(self) -> web.Response:
        """Turn away who bears no good key."""
        return self.say(401, "Invalid API token.")

    def page(self, request: web.Request) -> str:
        """Name the page that is asked for: the cursor holds it."""
        return str(_page(request))

    async def _account(self, request: web.Request) -> web.StreamResponse:
        def tell(tenant: Tenant) -> web.Response:
            said = {"name": tenant.name, "email": f"{tenant.name}@shop.example", "acls": ["subscriptions_view"]}
            return web.json_response({"account": said | {"balance": -10.0, "pending_charges": 1.5}})

        return await self.serve(request, tell)

    async def _instances(self, request: web.Request) -> web.StreamResponse:
        def tell(tenant: Tenant) -> web.Response:
            if tenant.misconfigured:
                return self.say(401, "Unauthorized IP address: 203.0.113.7")
            size = min(positive(request.query.get("per_page"), 100), self.largest_page)
            page = _page(request)
            part = tenant.machines[(page - 1) * size : page * size]
            more = page * size < len(tenant.machines)
            links = {"next": _cursor(page + 1) if more else "", "prev": _cursor(page - 1) if page > 1 else ""}
            meta = {"total": len(tenant.machines), "links": links}
            return web.json_response({"instances": [instance(each) for each in part], "meta": meta})

        return await self.serve(request, tell)


def instance(machine: Machine) -> Json:
    """Render one instance, its password and console address included, as the real listing does."""
    return {
        "id": f"00000000-0000-4000-8000-{machine.serial:012d}",
        "os": "Debian 12 x64 (bookworm)",
        "ram": machine.ram_mib,
        "disk": machine.disk_gib,
        "main_ip": machine.address,
        "vcpu_count": machine.vcpus,
        "region": machine.region,
        "plan": "vc2-2c-4gb",
        "date_created": "2026-01-15T08:30:00+00:00",
        "status": machine.status,
        "allowed_bandwidth": machine.traffic_gib,
        "netmask_v4": "255.255.254.0",
        "gateway_v4": "198.18.0.1",
        "power_status": "running" if machine.status == "active" else "stopped",
        "server_status": "ok",
        "v6_network": "2001:db8::",
        "v6_main_ip": f"2001:db8::{machine.serial:x}",
        "v6_network_size": 64,
        "label": machine.name,
        "internal_ip": "",
        "kvm": "https://console.example/?data=fake-console-token",
        "hostname": machine.name,
        "os_id": 2136,
        "app_id": 0,
        "image_id": "",
        "firewall_group_id": "",
        "features": ["ipv6"],
        "tags": [],
        "default_password": "fake-default-password",
    }


def _cursor(page: int) -> str:
    return base64.b64encode(f"next__{page}".encode()).decode()


def _page(request: web.Request) -> int:
    cursor = request.query.get("cursor", "")
    return int(base64.b64decode(cursor).decode().removeprefix("next__")) if cursor else 1
