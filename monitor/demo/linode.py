"""Linode's API v4, read side: scopes in headers, notifications that speak against an account, and instances."""

from aiohttp import web

from monitor.demo.office import Json, Machine, Office, Tenant, bearer

SCOPES = "account:read_only linodes:read_only"


class LinodeApi(Office):
    """Speaks Linode. A locked account shows as ``billing_suspension`` of its instances."""

    region = "de-fra-2"
    running = "running"
    suspended = "billing_suspension"

    def routes(self) -> list[web.RouteDef]:
        """Give the paths of the API."""
        return [
            web.get("/v4/profile", self._profile),
            web.get("/v4/account/notifications", self._notifications),
            web.get("/v4/linode/instances", self._instances),
        ]

    def key(self, request: web.Request) -> str:
        """Read from a request who asks."""
        return bearer(request)

    def say(self, status: int, words: str) -> web.Response:
        """Word an error."""
        return web.json_response({"errors": [{"reason": words}]}, status=status)

    def deny(self) -> web.Response:
        """Turn away who bears no good key."""
        response = self.say(401, "Invalid Token")
        # Of a token that it does not know, the API knows no scopes.
        response.headers.update({"X-OAuth-Scopes": "unknown", "X-Accepted-OAuth-Scopes": "account:read_only"})
        return response

    def lock(self, name: str, words: str = "") -> None:
        """Lock the account, as this provider does: in the status of its servers, without words."""
        self.tenants[name].locked = words
        self.suspend(name)

    async def _profile(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, lambda tenant: self._answer({"username": tenant.name}))

    async def _notifications(self, request: web.Request) -> web.StreamResponse:
        def tell(tenant: Tenant) -> web.Response:
            if tenant.misconfigured:
                response = self.say(401, "Your OAuth token is not authorized to use this endpoint.")
                accepted = {"X-OAuth-Scopes": "domains:read_only", "X-Accepted-OAuth-Scopes": "account:read_only"}
                response.headers.update(accepted)
                return response
            told = [notification("ticket_abuse", "major", tenant.warning)] if tenant.warning else []
            told.append(notification("maintenance", "minor", "A host of yours will be restarted."))
            return self._answer({"data": told, "page": 1, "pages": 1, "results": len(told)})

        return await self.serve(request, tell)

    async def _instances(self, request: web.Request) -> web.StreamResponse:
        def tell(tenant: Tenant) -> web.Response:
            rendered = [instance(each) for each in tenant.machines]
            part, page, pages, _ = self.cut(request, "page_size", rendered)
            return self._answer({"data": part, "page": page, "pages": pages, "results": len(rendered)})

        return await self.serve(request, tell)

    def _answer(self, told: Json) -> web.Response:
        reset = int(self.clock.now().timestamp()) + 60
        meters = {"X-RateLimit-Limit": "1600", "X-RateLimit-Remaining": "1500", "X-RateLimit-Reset": str(reset)}
        return web.json_response(told, headers={"X-OAuth-Scopes": SCOPES, **meters})


def notification(kind: str, severity: str, message: str) -> Json:
    """Render one notification."""
    return {
        "label": kind,
        "message": message,
        "body": message,
        "severity": severity,
        "type": kind,
        "entity": None,
        "when": None,
        "until": None,
    }


def instance(machine: Machine) -> Json:
    """Render one instance, with its private address among the public ones."""
    return {
        "id": machine.serial,
        "label": machine.name,
        "group": "",
        "region": machine.region,
        "type": "g6-standard-2",
        "image": "linode/debian12",
        "status": machine.status,
        "ipv4": [machine.address, "192.168.133.7"],
        "ipv6": f"2001:db8::{machine.serial:x}/128",
        "specs": {
            "disk": machine.disk_gib * 1024,
            "memory": machine.ram_mib,
            "vcpus": machine.vcpus,
            "gpus": 0,
            "transfer": machine.traffic_gib,
        },
        "created": "2026-01-15T08:30:00",
        "updated": "2026-01-15T08:30:00",
        "hypervisor": "kvm",
        "watchdog_enabled": True,
        "tags": [],
        "host_uuid": "",
        "has_user_data": False,
    }
