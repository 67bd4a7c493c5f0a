"""What Ray's AWS provider and EC2's RunInstances understand, and checks against it.

Ray hands ``node_config`` to EC2 unread and ignores unknown keys of ``provider``, so a misspelt key
shows only when machines start, or never.  The names are those of Ray's AWS node provider and of
the request of the EC2 API version 2016-11-15 (RunInstances).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from animesearch.cluster.keys import Keys, leaves, node_types, unknown_keys
from animesearch.cluster.machines import aws_hardware, resource_findings
from animesearch.cluster.source import Finding, Key
from animesearch.errors import did_you_mean

PROVIDER: Keys = {
    **leaves(
        "type region availability_zone cache_stopped_nodes use_internal_ips use_external_head_ip"
        " security_group aws_credentials cloudwatch disable_node_updaters"
        " disable_launch_config_check foreground_node_launch worker_liveness_check"
    ),
    "key_pair": leaves("key_name"),
}

NODE: Keys = {
    **leaves(
        "AdditionalInfo CapacityReservationSpecification ClientToken DisableApiStop"
        " DisableApiTermination DryRun EbsOptimized ElasticGpuSpecification"
        " ElasticInferenceAccelerators EnablePrimaryIpv6 ImageId"
        " InstanceInitiatedShutdownBehavior InstanceType Ipv6AddressCount Ipv6Addresses KernelId"
        " KeyName LicenseSpecifications MaxCount MinCount NetworkInterfaces Operator"
        " PrivateIpAddress RamdiskId SecondaryInterfaces SecurityGroupIds SecurityGroups SubnetId"
        " SubnetIds UserData"
    ),
    "BlockDeviceMappings": {
        **leaves("DeviceName NoDevice VirtualName"),
        "Ebs": leaves(
            "AvailabilityZone AvailabilityZoneId DeleteOnTermination EbsCardIndex Encrypted Iops"
            " KmsKeyId OutpostArn SnapshotId Throughput VolumeInitializationRate VolumeSize"
            " VolumeType"
        ),
    },
    "CpuOptions": leaves("AmdSevSnp CoreCount NestedVirtualization ThreadsPerCore"),
    "CreditSpecification": leaves("CpuCredits"),
    "EnclaveOptions": leaves("Enabled"),
    "HibernationOptions": leaves("Configured"),
    "IamInstanceProfile": leaves("Arn Name"),
    "InstanceMarketOptions": {
        **leaves("MarketType"),
        "SpotOptions": leaves(
            "BlockDurationMinutes InstanceInterruptionBehavior MaxPrice SpotInstanceType ValidUntil"
        ),
    },
    "LaunchTemplate": leaves("LaunchTemplateId LaunchTemplateName Version"),
    "MaintenanceOptions": leaves("AutoRecovery"),
    "MetadataOptions": leaves(
        "HttpEndpoint HttpProtocolIpv6 HttpPutResponseHopLimit HttpTokens InstanceMetadataTags"
    ),
    "Monitoring": leaves("Enabled MetricCategoryIds"),
    "NetworkPerformanceOptions": leaves("BandwidthWeighting"),
    "Placement": leaves(
        "Affinity AvailabilityZone AvailabilityZoneId GroupId GroupName HostId"
        " HostResourceGroupArn PartitionNumber SpreadDomain Tenancy"
    ),
    "PrivateDnsNameOptions": leaves(
        "EnableResourceNameDnsAAAARecord EnableResourceNameDnsARecord HostnameType"
    ),
    "TagSpecifications": {**leaves("ResourceType"), "Tags": leaves("Key Value")},
}

MARKETS = ("spot", "capacity-block", "interruptible-capacity-reservation", "on-demand")

DIRECTIONS = "(?:north|south)?(?:east|west)|north|south|central"
VOLUMES = ("standard", "gp2", "gp3", "io1", "io2", "sc1", "st1")
LARGEST_VOLUME_GB = 65_536

REGION = re.compile(rf"[a-z]{{2}}(?:-[a-z]{{3,5}})?-(?:{DIRECTIONS})-\d")
ZONE = "(?:[a-z]|-[a-z0-9]+-[0-9][a-z])"
"""What follows the region: ``us-west-2a``, or a local zone's ``us-west-2-lax-1a``."""
INSTANCE_TYPE = re.compile(r"[a-z0-9-]+\.[a-z0-9-]+")
IMAGE = re.compile(r"ami-[0-9a-f]{8}(?:[0-9a-f]{9})?|resolve:ssm:\S+|(?i:latest_dlami)")


def aws_findings(tree: Mapping[str, Any]) -> Iterator[Finding]:
    """Mistakes in ``provider`` and in the node types of a file whose provider is ``aws``.

    Values of a wrong kind are passed over: the schema reports them.
    """
    provider = tree["provider"]
    yield from unknown_keys(provider, PROVIDER, ("provider",))
    yield from _region(provider)
    for key, entry, node in node_types(tree):
        yield from _node(node, (*key, "node_config"))
        yield from _no_image(provider, node, (*key, "node_config"))
        kind = node.get("InstanceType")
        if isinstance(kind, str):
            yield from resource_findings(entry, kind, aws_hardware(kind), key, asked=True)


def _region(provider: Mapping[str, Any]) -> Iterator[Finding]:
    region, zones = provider.get("region"), provider.get("availability_zone")
    if "region" not in provider:
        yield Finding(("provider",), "'region' is required for aws")
    elif isinstance(region, str) and not REGION.fullmatch(region):
        yield Finding(("provider", "region"), f"{region!r} is no region; one is like 'us-west-2'")
    elif isinstance(region, str) and isinstance(zones, str):
        yield from _zones(region, zones)


def _zones(region: str, zones: str) -> Iterator[Finding]:
    for zone in (part.strip() for part in zones.split(",")):
        if not re.fullmatch(re.escape(region) + ZONE, zone):
            message = f"{zone!r} is no zone of region {region!r}; one is like '{region}a'"
            yield Finding(("provider", "availability_zone"), message)


def _no_image(provider: Mapping[str, Any], node: Mapping[str, Any], key: Key) -> Iterator[Finding]:
    region, known = provider.get("region"), regions_with_image()
    lacks = "ImageId" not in node and "LaunchTemplate" not in node
    if lacks and known and isinstance(region, str) and region not in known:
        message = f"'ImageId' is required: Ray has no image of its own for {region!r}"
        yield Finding(key, message)


@cache
def regions_with_image() -> frozenset[str]:
    """Regions that Ray has an image for; read as text, for its module needs boto3."""
    import ray.autoscaler

    module = Path(ray.autoscaler.__file__).parent / "_private" / "aws" / "config.py"
    for statement in ast.parse(module.read_text(encoding="utf-8")).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="DEFAULT_AMI")], value=ast.Dict() as images):
                return frozenset(ast.literal_eval(images))
    return frozenset()


def _node(node: Mapping[str, Any], key: Key) -> Iterator[Finding]:
    yield from unknown_keys(node, NODE, key)
    kind = node.get("InstanceType")
    if kind is None and "LaunchTemplate" not in node:
        yield Finding(key, "'InstanceType' is required (or a 'LaunchTemplate' that has one)")
    elif kind is not None and not (isinstance(kind, str) and INSTANCE_TYPE.fullmatch(kind)):
        message = f"{kind!r} is no instance type; one is like 'g5.2xlarge'"
        yield Finding((*key, "InstanceType"), message)
    image = node.get("ImageId")
    if image is not None and not (isinstance(image, str) and IMAGE.fullmatch(image)):
        message = f"{image!r} is no image; one is like 'ami-0123456789abcdef0'"
        yield Finding((*key, "ImageId"), message)
    yield from _volumes(node.get("BlockDeviceMappings"), (*key, "BlockDeviceMappings"))
    yield from _market(node.get("InstanceMarketOptions"), (*key, "InstanceMarketOptions"))


def _volumes(mappings: object, key: Key) -> Iterator[Finding]:
    for index, mapping in enumerate(mappings if isinstance(mappings, list) else ()):
        volume = mapping.get("Ebs") if isinstance(mapping, dict) else None
        if not isinstance(volume, dict):
            continue
        size, kind = volume.get("VolumeSize", 1), volume.get("VolumeType", VOLUMES[0])
        whole = isinstance(size, int) and not isinstance(size, bool)
        if not (whole and 1 <= size <= LARGEST_VOLUME_GB):
            message = f"{size!r} is no size: a whole number of GB, 1 to {LARGEST_VOLUME_GB:,}"
            yield Finding((*key, index, "Ebs", "VolumeSize"), message)
        if kind not in VOLUMES:
            message = f"{kind!r} is not one of {', '.join(VOLUMES)}"
            hint = did_you_mean(str(kind), VOLUMES)
            yield Finding((*key, index, "Ebs", "VolumeType"), message, hint)


def _market(options: object, key: Key) -> Iterator[Finding]:
    market = options.get("MarketType") if isinstance(options, dict) else None
    if market is not None and market not in MARKETS:
        message = f"{market!r} is not one of {', '.join(MARKETS)}"
        yield Finding((*key, "MarketType"), message, did_you_mean(str(market).lower(), MARKETS))
