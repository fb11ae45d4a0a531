"""Njalla's JSON-RPC: errors with HTTP 200, servers without sizes."""

from datetime import timedelta

from aiohttp import web

from monitor.demo.office import Json, Machine, Office, Tenant, bearer


class NjallaApi(Office):
    """Speaks Njalla. A warning is a server that will expire and does not renew itself."""

    region = ""
    running = "active"

    def routes(self) -> list[web.RouteDef]:
        """Give the paths of the API."""
        return [web.post("/", self._call)]

    def key(self, request: web.Request) -> str:
        """Read from a request who asks."""
        return bearer(request, "Njalla")

    def say(self, status: int, words: str) -> web.Response:
        """Word an error: with HTTP 200 where it is a refusal."""
        http = 200 if status in {401, 403} else status
        return web.json_response({"jsonrpc": "2.0", "error": {"code": status, "message": words}}, status=http)

    def deny(self) -> web.Response:
        """Turn away who bears no good key."""
        return self.say(403, "Invalid token.")

    async def _call(self, request: web.Request) -> web.StreamResponse:
        method = (await request.json()).get("method")

        def tell(tenant: Tenant) -> web.Response:
            if tenant.misconfigured:
                return self.say(403, "Permission denied")
            if method != "list-servers":
                return self.say(0, "Unknown method")
            return web.json_response({"jsonrpc": "2.0", "result": {"servers": self._servers(tenant)}})

        return await self.serve(request, tell)

    def _servers(self, tenant: Tenant) -> list[Json]:
        days = 1 if tenant.warning else 30
        expiry = (self.clock.now() + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return [server(each, expiry, renews=not tenant.warning) for each in tenant.machines]


def server(machine: Machine, expiry: str, *, renews: bool) -> Json:
    """Render one server."""
    return {
        "name": machine.name,
        "type": "njalla1",
        "id": f"server-{machine.serial}",
        "status": machine.status,
        "os": "debian12",
        "expiry": expiry,
        "autorenew": renews,
        "ssh_key": "ssh-ed25519 AAAAfake",
        "ips": [machine.address, f"2001:db8::{machine.serial:x}"],
        "reverse_name": "",
        "os_state": "running",
    }
