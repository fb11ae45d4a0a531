"""Hetzner's Cloud API v1 and Robot, read side: projects with blocked addresses; Basic logins with a short temper."""

import base64
from typing import ClassVar

from aiohttp import web

from monitor.demo.office import Json, Machine, Office, Tenant, bearer

TIB = 1 << 40


class HetznerCloudApi(Office):
    """Speaks Hetzner Cloud. What speaks of abuse are addresses that are blocked."""

    region = "fsn1"
    running = "running"

    def routes(self) -> list[web.RouteDef]:
        """Give the paths of the API."""
        return [web.get("/v1/servers", self._servers)]

    def key(self, request: web.Request) -> str:
        """Read from a request who asks."""
        return bearer(request)

    def say(self, status: int, words: str, code: str | None = None) -> web.Response:
        """Word an error."""
        code = code or {429: "rate_limit_exceeded", 401: "unauthorized"}.get(status, "service_error")
        error = {"code": code, "message": words, "details": None}
        return web.json_response({"error": error}, status=status)

    def deny(self) -> web.Response:
        """Turn away who bears no good key."""
        return self.say(401, "unable to authenticate")

    def warn(self, name: str, words: str = "") -> None:
        """Put the project on notice, as this provider does: the address of one server is blocked, without words."""
        self.tenants[name].warning = words
        self.tenants[name].machines[0].blocked = True

    def suspend(self, name: str) -> None:
        """Block the addresses of all servers."""
        for machine in self.tenants[name].machines:
            machine.blocked = True

    async def _servers(self, request: web.Request) -> web.StreamResponse:
        def tell(tenant: Tenant) -> web.Response:
            if tenant.misconfigured:
                return self.say(410, "This endpoint has been removed.", "deprecated_api_endpoint")
            if tenant.locked:
                return self.say(423, tenant.locked, "resource_locked")
            rendered = [server(each) for each in tenant.machines]
            part, page, pages, size = self.cut(request, "per_page", rendered)
            paging = {
                "page": page,
                "per_page": size,
                "previous_page": page - 1 if page > 1 else None,
                "next_page": page + 1 if page < pages else None,
                "last_page": pages,
                "total_entries": len(rendered),
            }
            told = {"servers": part, "meta": {"pagination": paging}}
            return web.json_response(told, headers=self._meters(tenant))

        return await self.serve(request, tell)

    def _meters(self, tenant: Tenant) -> dict[str, str]:
        left = max(0, 3600 - tenant.requests)
        reset = int(self.clock.now().timestamp()) + tenant.requests
        return {"RateLimit-Limit": "3600", "RateLimit-Remaining": str(left), "RateLimit-Reset": str(reset)}


class HetznerRobotApi(Office):
    """Speaks Robot: over the limit is a 403, no servers at all is a 404, and every bad login counts."""

    region = "FSN1-DC10"
    running = "ready"
    suspended = "in process"
    user: ClassVar[str] = "#ws+fake"

    def routes(self) -> list[web.RouteDef]:
        """Give the paths of the API."""
        return [web.get("/server", self._servers)]

    def secret(self, key: str) -> str:
        """Write the content of a secret file."""
        return f'user = "{self.user}"\npassword = "{key}"\n'

    def key(self, request: web.Request) -> str:
        """Read from a request who asks: the password names the tenant."""
        words = base64.b64decode(bearer(request, "Basic")).decode()
        return words.removeprefix(f"{self.user}:")

    def say(self, status: int, words: str, code: str | None = None) -> web.Response:
        """Word an error."""
        error = {"status": status, "code": code or "INTERNAL_ERROR", "message": words}
        return web.json_response({"error": error}, status=status)

    def deny(self) -> web.Response:
        """Turn away who bears no good key."""
        return self.say(401, "Unauthorized", "UNAUTHORIZED")

    def limit(self) -> web.Response:
        """Word that there were too many requests, with a status that means another thing elsewhere."""
        error = {"status": 403, "code": "RATE_LIMIT_EXCEEDED", "message": "rate limit exceeded"}
        return web.json_response({"error": error | {"max_request": 200, "interval": 3600}}, status=403)

    async def _servers(self, request: web.Request) -> web.StreamResponse:
        def tell(tenant: Tenant) -> web.Response:
            if not tenant.machines:
                return self.say(404, "No server found", "SERVER_NOT_FOUND")
            return web.json_response([{"server": dedicated(each)} for each in tenant.machines])

        return await self.serve(request, tell)


def server(machine: Machine) -> Json:
    """Render one cloud server."""
    end = {"id": machine.serial, "ip": machine.address, "blocked": machine.blocked, "dns_ptr": "static.example"}
    ends: Json = {"ipv4": end, "ipv6": None, "floating_ips": [], "firewalls": []}
    return {
        "id": machine.serial,
        "name": machine.name,
        "status": machine.status,
        "created": "2026-01-15T08:30:00+00:00",
        "server_type": {
            "id": 22,
            "name": "cx32",
            "description": "CX32",
            "cores": machine.vcpus,
            "memory": machine.ram_mib / 1024,
            "disk": machine.disk_gib,
            "cpu_type": "shared",
            "architecture": "x86",
            "storage_type": "local",
            "prices": [],
            "locations": [],
            "deprecated": False,
        },
        "primary_disk_size": machine.disk_gib,
        "location": {
            "id": 1,
            "name": machine.region,
            "city": "Falkenstein",
            "country": "DE",
            "network_zone": "eu-central",
            "description": "Falkenstein DC Park 1",
            "latitude": 50.47612,
            "longitude": 12.370071,
        },
        "public_net": ends,
        "private_net": [],
        "included_traffic": 20 * TIB,
        "outgoing_traffic": 0,
        "ingoing_traffic": 0,
        "backup_window": None,
        "rescue_enabled": False,
        "locked": False,
        "protection": {"delete": False, "rebuild": False},
        "labels": {},
        "image": None,
        "iso": None,
        "volumes": [],
        "load_balancers": [],
        "placement_group": None,
    }


def dedicated(machine: Machine) -> Json:
    """Render one dedicated server."""
    return {
        "server_ip": machine.address,
        "server_ipv6_net": "2001:db8::",
        "server_number": machine.serial,
        "server_name": machine.name,
        "product": "EX44",
        "dc": machine.region,
        "traffic": "unlimited",
        "status": machine.status,
        "cancelled": False,
        "paid_until": "2026-12-31",
        "ip": [machine.address],
        "subnet": ["2001:db8::"],
    }
