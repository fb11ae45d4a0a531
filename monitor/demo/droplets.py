"""What DigitalOcean sells and where, as far as the play needs it, and how a server is rendered in its API."""

from dataclasses import dataclass

Json = dict[str, object]

REGIONS = {
    "ams3": "Amsterdam 3",
    "blr1": "Bangalore 1",
    "fra1": "Frankfurt 1",
    "lon1": "London 1",
    "nyc3": "New York 3",
    "sfo3": "San Francisco 3",
    "sgp1": "Singapore 1",
    "syd1": "Sydney 1",
    "tor1": "Toronto 1",
}


@dataclass(frozen=True, slots=True)
class Size:
    """A plan: memory in MB, disk in GB, transfer in TB a month, price in US dollars a month."""

    memory: int
    vcpus: int
    disk: int
    transfer: float
    monthly: float
    gpu: str | None = None


SIZES = {
    "s-1vcpu-1gb": Size(1024, 1, 25, 1.0, 6.0),
    "s-1vcpu-2gb": Size(2048, 1, 50, 2.0, 12.0),
    "s-2vcpu-4gb": Size(4096, 2, 80, 4.0, 24.0),
    "s-4vcpu-8gb": Size(8192, 4, 160, 5.0, 48.0),
    "gpu-h100x1-80gb": Size(245760, 20, 720, 15.0, 4529.3, "nvidia_h100"),
}


@dataclass(slots=True)
class Droplet:
    """One server. ``memory`` (MB), ``vcpus`` and ``disk`` (GB) follow the plan unless given.

    ``locked`` forbids actions for a while; it says nothing about the account.
    """

    id: int
    name: str
    address: str
    region: str = "fra1"
    size: str = "s-1vcpu-1gb"
    memory: int = 0
    vcpus: int = 0
    disk: int = 0
    status: str = "active"
    locked: bool = False

    def as_json(self) -> Json:
        """Render it as the listing does, with a private address before the public one."""
        plan = SIZES[self.size]
        public = {"ip_address": self.address, "netmask": "255.255.255.0", "gateway": "203.0.113.1", "type": "public"}
        private = {"ip_address": "10.128.0.2", "netmask": "255.255.0.0", "gateway": "nil", "type": "private"}
        disk = self.disk or plan.disk
        return {
            "id": self.id,
            "name": self.name,
            "memory": self.memory or plan.memory,
            "vcpus": self.vcpus or plan.vcpus,
            "disk": disk,
            "disk_info": [{"type": "local", "size": {"amount": disk, "unit": "gib"}}],
            "locked": self.locked,
            "status": self.status,
            "kernel": None,
            "created_at": "2026-01-15T08:30:00Z",
            "features": ["private_networking"],
            "backup_ids": [],
            "next_backup_window": None,
            "snapshot_ids": [],
            "image": IMAGE,
            "volume_ids": [],
            "size": size_json(self.size),
            "size_slug": self.size,
            "networks": {"v4": [private, public], "v6": []},
            "region": region_json(self.region),
            "tags": [],
            "vpc_uuid": "00000000-0000-4000-8000-000000000000",
        } | _gpu(plan)


IMAGE: Json = {
    "id": 1,
    "name": "12 x64",
    "type": "base",
    "distribution": "Debian",
    "slug": "debian-12-x64",
    "public": True,
    "regions": ["ams3", "blr1", "fra1", "lon1", "nyc3", "sfo3", "sgp1", "syd1", "tor1"],
    "created_at": "2025-06-01T00:00:00Z",
    "min_disk_size": 7,
    "size_gigabytes": 2.5,
    "description": "",
    "tags": [],
    "status": "available",
}


def size_json(slug: str) -> Json:
    """Render a plan."""
    plan = SIZES[slug]
    return {
        "slug": slug,
        "memory": plan.memory,
        "vcpus": plan.vcpus,
        "disk": plan.disk,
        "transfer": plan.transfer,
        "price_monthly": plan.monthly,
        "price_hourly": round(plan.monthly / 672, 5),
        "regions": ["tor1"] if plan.gpu else list(REGIONS),
        "available": True,
        "description": "GPU" if plan.gpu else "Basic",
    } | _gpu(plan)


def region_json(slug: str) -> Json:
    """Render a region; one that the catalogue does not know bears its own slug as name."""
    return {
        "name": REGIONS.get(slug, slug),
        "slug": slug,
        "features": ["backups", "ipv6", "metadata", "storage"],
        "available": True,
        "sizes": list(SIZES),
    }


def _gpu(plan: Size) -> Json:
    return {"gpu_info": {"count": 1, "model": plan.gpu, "vram": {"amount": 80, "unit": "gib"}}} if plan.gpu else {}
