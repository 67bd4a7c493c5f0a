"""What Ray's GCP provider and Compute Engine's ``instances.insert`` understand, and checks of it.

Ray hands ``node_config`` to Compute Engine unread and ignores unknown keys of ``provider``.  The
names are those of Ray's GCP node provider and of the resource ``Instance`` of the Compute Engine
API v1, without what that API only gives out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from animesearch.cluster.keys import Keys, leaves, node_types, unknown_keys
from animesearch.cluster.machines import Hardware, gcp_hardware, resource_findings
from animesearch.cluster.source import Finding, Key
from animesearch.errors import did_you_mean

PROVIDER: Keys = leaves(
    "type region availability_zone project_id cache_stopped_nodes use_internal_ips"
    " gcp_credentials disable_node_updaters disable_launch_config_check foreground_node_launch"
    " worker_liveness_check"
)

ACCESS: Keys = leaves(
    "externalIpv6 externalIpv6PrefixLength kind name natIP networkTier publicPtrDomainName"
    " securityPolicy setPublicPtr type"
)

NODE: Keys = {
    **leaves(
        "acceleratorType acceleratorConfig canIpForward confidentialInstanceConfig"
        " deletionProtection description displayDevice hostname instanceEncryptionKey"
        " keyRevocationActionType labels localSsdEncryptionMode machineType minCpuPlatform name"
        " networkConfig networkPerformanceConfig params privateIpv6GoogleAccess resourcePolicies"
        " runtimeVersion schedulingConfig shieldedInstanceIntegrityPolicy sourceInstanceTemplate"
        " sourceMachineImage sourceMachineImageEncryptionKey workloadIdentityConfig"
    ),
    "advancedMachineFeatures": leaves(
        "enableNestedVirtualization enableUefiNetworking performanceMonitoringUnit"
        " threadsPerCore turboMode visibleCoreCount"
    ),
    "disks": {
        **leaves(
            "autoDelete boot deviceName diskEncryptionKey diskSizeGb forceAttach guestOsFeatures"
            " interface mode source type"
        ),
        "initializeParams": leaves(
            "architecture description diskName diskSizeGb diskType enableConfidentialCompute"
            " labels licenses onUpdateAction provisionedIops provisionedThroughput replicaZones"
            " resourceManagerTags resourcePolicies sourceImage sourceImageEncryptionKey"
            " sourceSnapshot sourceSnapshotEncryptionKey storagePool"
        ),
    },
    "guestAccelerators": leaves("acceleratorCount acceleratorType"),
    "metadata": {**leaves("fingerprint"), "items": leaves("key value")},
    "networkInterfaces": {
        **leaves(
            "aliasIpRanges aliasIpv6Ranges enableVpcScopedDns igmpQuery internalIpv6PrefixLength"
            " ipv6Address kind name network networkAttachment networkIP nicType parentNicName"
            " queueCount serviceClassId stackType subnetwork vlan"
        ),
        "accessConfigs": ACCESS,
        "ipv6AccessConfigs": ACCESS,
    },
    "reservationAffinity": leaves("consumeReservationType key values"),
    "scheduling": leaves(
        "automaticRestart availabilityDomain exposeHostTopology gracefulShutdown"
        " hostErrorTimeoutSeconds instanceTerminationAction localSsdRecoveryTimeout locationHint"
        " maxRunDuration minNodeCpus nodeAffinities onHostMaintenance onInstanceStopAction"
        " preemptible preemptionNoticeDuration protectionTier provisioningModel"
        " skipGuestOsShutdown terminationTime"
    ),
    "serviceAccounts": leaves("email scopes"),
    "shieldedInstanceConfig": leaves("enableIntegrityMonitoring enableSecureBoot enableVtpm"),
    "tags": leaves("fingerprint items"),
}

SCHEDULING: Mapping[str, tuple[str, ...]] = {
    "provisioningModel": ("STANDARD", "SPOT", "FLEX_START", "RESERVATION_BOUND"),
    "instanceTerminationAction": ("STOP", "DELETE"),
    "onHostMaintenance": ("MIGRATE", "TERMINATE"),
}

SMALLEST_DISK_GB = 10

REGION = re.compile(
    r"(?:us|europe|asia|australia|africa|me|(?:north|south)america)"
    r"-(?:(?:north|south)?(?:east|west)|north|south|central)\d+"
)
PROJECT = re.compile(r"(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
MACHINE_TYPE = re.compile(r"(?:.*/)?[a-z]+\d*[a-z]?(?:-[a-z0-9]+)+")


def gcp_findings(tree: Mapping[str, Any]) -> Iterator[Finding]:
    """Mistakes in ``provider`` and in the node types of a file whose provider is ``gcp``.

    Values of a wrong kind are passed over: the schema reports them.
    """
    provider = tree["provider"]
    yield from unknown_keys(provider, PROVIDER, ("provider",))
    yield from _provider(provider)
    for key, entry, node in node_types(tree):
        yield from _node(entry, node, key)


def _provider(provider: Mapping[str, Any]) -> Iterator[Finding]:
    for word in ("region", "availability_zone", "project_id"):
        if provider.get(word) is None:
            yield Finding(("provider",), f"'{word}' is required for gcp")
    region, zone = provider.get("region"), provider.get("availability_zone")
    if isinstance(region, str) and not REGION.fullmatch(region):
        yield Finding(("provider", "region"), f"{region!r} is no region; one is like 'us-west1'")
    elif isinstance(region, str) and isinstance(zone, str):
        yield from _zone(region, zone)
    project = provider.get("project_id")
    if isinstance(project, str) and not PROJECT.fullmatch(project):
        message = f"{project!r} is no project ID (6 to 30 small letters, digits and hyphens)"
        yield Finding(("provider", "project_id"), message)


def _zone(region: str, zone: str) -> Iterator[Finding]:
    if not re.fullmatch(rf"{re.escape(region)}-[a-z]", zone):
        message = f"{zone!r} is no zone of region {region!r}; one is like '{region}-a'"
        hint = "Ray's GCP provider takes one zone" if "," in zone else ""
        yield Finding(("provider", "availability_zone"), message, hint)


def _node(typed: Mapping[str, Any], node: Mapping[str, Any], key: Key) -> Iterator[Finding]:
    place = (*key, "node_config")
    yield from unknown_keys(node, NODE, place)
    yield from _disks(node.get("disks"), (*place, "disks"))
    kind = node.get("machineType")
    if kind is None:
        if not {"acceleratorType", "acceleratorConfig", "sourceInstanceTemplate"} & node.keys():
            yield Finding(place, "'machineType' is required")
        return
    if not (isinstance(kind, str) and MACHINE_TYPE.fullmatch(kind)):
        message = f"{kind!r} is no machine type; one is like 'g2-standard-8'"
        yield Finding((*place, "machineType"), message)
        return
    has = _hardware(kind, node)
    yield from resource_findings(typed, kind.rpartition("/")[2], has, key)
    yield from _scheduling(node.get("scheduling"), bool(has.gpus), place)


def _disks(disks: object, key: Key) -> Iterator[Finding]:
    for index, disk in enumerate(disks if isinstance(disks, list) else ()):
        made = disk.get("initializeParams") if isinstance(disk, dict) else None
        for part, place in ((disk, ()), (made, ("initializeParams",))):
            size = part.get("diskSizeGb") if isinstance(part, dict) else None
            if size is not None and not _is_size(size):
                message = f"{size!r} is no size: a whole number of GB, {SMALLEST_DISK_GB} or more"
                yield Finding((*key, index, *place, "diskSizeGb"), message)


def _is_size(value: object) -> bool:
    """Compute Engine takes whole numbers, as texts too."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 9:
        return int(value) >= SMALLEST_DISK_GB
    return isinstance(value, int) and not isinstance(value, bool) and value >= SMALLEST_DISK_GB


def _hardware(kind: str, node: Mapping[str, Any]) -> Hardware:
    """The machine type's, and the GPUs attached to it."""
    own, attached = gcp_hardware(kind), node.get("guestAccelerators")
    if own.gpus or not isinstance(attached, list):
        return own
    counts = [card.get("acceleratorCount") for card in attached if isinstance(card, dict)]
    known = [count for count in counts if isinstance(count, int)]
    return Hardware(own.cpus, sum(known)) if len(known) == len(attached) else own


def _scheduling(value: object, gpus: bool, place: Key) -> Iterator[Finding]:
    """``scheduling``, which Ray's own examples write as a list of mappings."""
    key = (*place, "scheduling")
    parts = value if isinstance(value, list) else [value]
    told = {word: one for part in parts if isinstance(part, dict) for word, one in part.items()}
    for word, allowed in SCHEDULING.items():
        if word in told and told[word] not in allowed:
            message = f"{told[word]!r} is not one of {', '.join(allowed)}"
            hint = did_you_mean(str(told[word]).upper(), allowed)
            yield Finding((*key, word), message, hint)
    if gpus and told.get("onHostMaintenance", "MIGRATE") == "MIGRATE":
        message = "a machine with GPUs cannot migrate: onHostMaintenance must be TERMINATE"
        yield Finding(key if told else place, message)
