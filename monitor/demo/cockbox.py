"""Cockbox's one question about one service, as the one known client asked it."""

from datetime import timedelta

from aiohttp import web

from monitor.demo.office import Office, Tenant


class CockboxApi(Office):
    """Speaks Cockbox. A warning is a service that has expired."""

    region = ""
    running = ""

    def routes(self) -> list[web.RouteDef]:
        """Give the paths of the API."""
        return [web.get("/service/{id}", self._service)]

    def secret(self, key: str) -> str:
        """Write the content of a secret file; the services are those of the account when it is read."""
        tenant = self.find(key)
        services = ", ".join(str(each.serial) for each in tenant.machines) if tenant else ""
        return f'key = "{key}"\nservices = "{services}"\n'

    def tenant(self, name: str, machines: int = 1) -> Tenant:
        """Open an account with so many services."""
        tenant = super().tenant(name, machines)
        tenant.secret = self.secret(tenant.key)
        return tenant

    def key(self, request: web.Request) -> str:
        """Read from a request who asks."""
        return request.headers.get("X-Api-Key", "")

    def say(self, status: int, words: str) -> web.Response:
        """Word an error."""
        return web.json_response({"message": words}, status=status)

    def deny(self) -> web.Response:
        """Turn away who bears no good key."""
        return self.say(401, "Unauthorized")

    def page(self, request: web.Request) -> str:
        """Name the "page" that is asked for: which of all services it is."""
        return request.match_info["id"]

    async def _service(self, request: web.Request) -> web.StreamResponse:
        def tell(tenant: Tenant) -> web.Response:
            machine = next((each for each in tenant.machines if str(each.serial) == request.match_info["id"]), None)
            if machine is None:
                return self.say(404, "No such service")
            end = self.clock.now() + timedelta(days=-1 if tenant.warning else 30)
            service = {
                "identifier": str(machine.serial),
                "expires_at": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "ip_address": {"address": machine.address},
                "crypto": {"name": "XMR", "address": "fake-wallet"},
            }
            return web.json_response({"message": service})

        return await self.serve(request, tell)
