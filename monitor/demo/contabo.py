"""Contabo's API and its login: tokens of five minutes, counted, and a request id that must be there."""

import itertools
from uuid import UUID

from aiohttp import web

from monitor.clock import Clock
from monitor.demo.office import Json, Machine, Office, Tenant, bearer

LIFETIME = 300
LOGIN = "/auth/realms/contabo/protocol/openid-connect/token"


class ContaboApi(Office):
    """Speaks Contabo. A locked account answers 402; trouble shows in the status of instances."""

    region = "EU"
    running = "running"
    suspended = "pending_payment"

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.logins = 0
        """How often anybody logged in, well or not."""
        self._tokens: dict[str, str] = {}
        self._numbers = itertools.count(1)

    def routes(self) -> list[web.RouteDef]:
        """Give the paths of the API, and of its login."""
        return [web.post(LOGIN, self._login), web.get("/v1/compute/instances", self._instances)]

    def secret(self, key: str) -> str:
        """Write the content of a secret file."""
        return f'client_id = "INT-1"\nclient_secret = "fake-client"\nusername = "{key}"\npassword = "{key}-password"\n'

    def key(self, request: web.Request) -> str:
        """Read from a request who asks: a token of ours, or nobody."""
        return self._tokens.get(bearer(request), "")

    def say(self, status: int, words: str) -> web.Response:
        """Word an error."""
        return web.json_response({"statusCode": status, "message": words}, status=status)

    def deny(self) -> web.Response:
        """Turn away who bears no good token."""
        return self.say(401, "Unauthorized")

    def warn(self, name: str, words: str = "Payment of this instance has failed.") -> None:
        """Put the account on notice, as this provider does: one instance is in trouble."""
        self.tenants[name].warning = words
        self.tenants[name].machines[0].status = "error"

    def expire(self) -> None:
        """Let all tokens die before their time."""
        self._tokens.clear()

    async def _login(self, request: web.Request) -> web.StreamResponse:
        said = await request.post()
        self.logins += 1
        key = str(said.get("username", ""))
        tenant = self.find(key)
        if tenant is None or tenant.revoked or said.get("password") != f"{key}-password":
            self.refused.append(key)
            refusal = {"error": "invalid_grant", "error_description": "Invalid user credentials"}
            return web.json_response(refusal, status=401)
        token = f"fake-token-{next(self._numbers)}"
        self._tokens[token] = key
        grant = {"access_token": token, "expires_in": LIFETIME, "refresh_token": "fake-refresh", "token_type": "Bearer"}
        return web.json_response(grant)

    async def _instances(self, request: web.Request) -> web.StreamResponse:
        def tell(tenant: Tenant) -> web.Response:
            if not _is_request_id(request.headers.get("x-request-id", "")):
                return self.say(400, "x-request-id must be a UUID")
            if tenant.misconfigured:
                return self.say(403, "Access is denied.")
            if tenant.locked:
                return self.say(402, tenant.locked)
            rendered = [instance(each, tenant) for each in tenant.machines]
            part, page, pages, size = self.cut(request, "size", rendered)
            paging = {"size": size, "totalElements": len(rendered), "totalPages": pages, "page": page}
            links = dict.fromkeys(("self", "first", "last"), f"/v1/compute/instances?page={page}&size={size}")
            return web.json_response({"_pagination": paging, "data": part, "_links": links})

        return await self.serve(request, tell)


def instance(machine: Machine, tenant: Tenant) -> Json:
    """Render one instance."""
    return {
        "tenantId": "INT",
        "customerId": "100",
        "additionalIps": [],
        "name": f"vmi{machine.serial}",
        "displayName": machine.name,
        "instanceId": machine.serial,
        "dataCenter": "European Union 1",
        "region": machine.region,
        "regionName": "European Union",
        "productId": "V45",
        "imageId": "00000000-0000-4000-8000-000000000002",
        "ipConfig": {
            "v4": {"ip": machine.address, "netmaskCidr": 24, "gateway": "198.18.0.1"},
            "v6": {"ip": f"2001:db8::{machine.serial:x}", "netmaskCidr": 64, "gateway": "fe80::1"},
        },
        "macAddress": "00:00:5e:00:53:01",
        "ramMb": machine.ram_mib,
        "cpuCores": machine.vcpus,
        "osType": "Linux",
        "diskMb": machine.disk_gib * 1024,
        "sshKeys": [],
        "createdDate": "2026-01-15T08:30:00.000Z",
        "cancelDate": None,
        "status": machine.status,
        "vHostId": 12345,
        "vHostNumber": 12345,
        "vHostName": "m12345",
        "addOns": [],
        "errorMessage": tenant.warning if machine.status == "error" else "",
        "productType": "nvme",
        "productName": "VPS S NVMe",
        "defaultUser": "root",
    }


def _is_request_id(text: str) -> bool:
    try:
        return UUID(text).version == 4  # noqa: PLR2004 - of which the API wants them
    except ValueError:
        return False
