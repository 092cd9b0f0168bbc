"""The audit as a short script would do it: read the describe-* JSON as it is, and loop.

Usage: naive.py FOLDER INSTANCE. Prints how many upstreams nginx can connect to and how many rules are open.
"""

import ipaddress
import json
import re
import sys

folder, nginx = sys.argv[1:]


def read(name):
    try:
        with open(f"{folder}/{name}.json", encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


groups = {group["GroupId"]: group for group in read("security-groups")["SecurityGroups"]}
for rule in read("security-group-rules").get("SecurityGroupRules", []):
    permission = {"IpProtocol": rule["IpProtocol"], "FromPort": rule["FromPort"], "ToPort": rule["ToPort"]}
    for key in ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs"):
        permission[key] = []
    if "CidrIpv4" in rule:
        permission["IpRanges"] = [{"CidrIp": rule["CidrIpv4"]}]
    elif "CidrIpv6" in rule:
        permission["Ipv6Ranges"] = [{"CidrIpv6": rule["CidrIpv6"]}]
    elif "PrefixListId" in rule:
        permission["PrefixListIds"] = [{"PrefixListId": rule["PrefixListId"]}]
    else:
        permission["UserIdGroupPairs"] = [rule["ReferencedGroupInfo"]]
    key = "IpPermissionsEgress" if rule["IsEgress"] else "IpPermissions"
    groups[rule["GroupId"]].setdefault(key, []).append(permission)
interfaces = {interface["PrivateIpAddress"]: interface for interface in read("network-interfaces")["NetworkInterfaces"]}
running = {
    instance["InstanceId"]: instance["State"]["Name"] == "running"
    for reservation in read("instances")["Reservations"]
    for instance in reservation["Instances"]
}
lists = {
    key: [ipaddress.ip_network(entry["Cidr"]) for entry in answer["Entries"]]
    for key, answer in read("prefix-list-entries").items()
}
acls = {
    association["SubnetId"]: sorted(acl["Entries"], key=lambda entry: entry["RuleNumber"])
    for acl in read("network-acls")["NetworkAcls"]
    for association in acl["Associations"]
}


def admits(permissions, port, far):
    address = ipaddress.ip_address(far["PrivateIpAddress"])
    carried = {group["GroupId"] for group in far["Groups"]}
    for permission in permissions:
        if permission["IpProtocol"] not in ("-1", "tcp"):
            continue
        if permission["IpProtocol"] == "tcp" and not permission["FromPort"] <= port <= permission["ToPort"]:
            continue
        if any(pair["GroupId"] in carried for pair in permission["UserIdGroupPairs"]):
            return True
        if any(address in ipaddress.ip_network(block["CidrIp"]) for block in permission["IpRanges"]):
            return True
        if any(address in block for peer in permission["PrefixListIds"] for block in lists[peer["PrefixListId"]]):
            return True
    return False


def acl_admits(subnet, port, address):
    for entry in acls[subnet]:
        ports = entry.get("PortRange", {"From": 0, "To": 65535})
        if entry["Egress"] or entry["Protocol"] not in ("-1", "6") or not ports["From"] <= port <= ports["To"]:
            continue
        if ipaddress.ip_address(address) in ipaddress.ip_network(entry["CidrBlock"]):
            return entry["RuleAction"] == "allow"
    return False


source = next(i for i in interfaces.values() if i["Attachment"]["InstanceId"] == nginx)
allowed = 0
with open(f"{folder}/nginx.conf", encoding="utf-8") as file:
    for host, port in re.findall(r"server (\S+):(\d+) ", file.read()):
        target = interfaces[host[3:].split(".")[0].replace("-", ".") if host.startswith("ip-") else host]
        allowed += (
            running[target["Attachment"]["InstanceId"]]
            and (
                target["SubnetId"] == source["SubnetId"]
                or acl_admits(target["SubnetId"], int(port), source["PrivateIpAddress"])
            )
            and any(admits(groups[g["GroupId"]]["IpPermissionsEgress"], int(port), target) for g in source["Groups"])
            and any(admits(groups[g["GroupId"]]["IpPermissions"], int(port), source) for g in target["Groups"])
        )
everything = {"0.0.0.0/0", "::/0"}
wide = {key for key, blocks in lists.items() if any(str(block) in everything for block in blocks)}
opened = 0
for group in groups.values():
    for permission in group["IpPermissions"]:
        opened += sum(block["CidrIp"] in everything for block in permission["IpRanges"])
        opened += sum(block["CidrIpv6"] in everything for block in permission["Ipv6Ranges"])
        opened += sum(peer["PrefixListId"] in wide for peer in permission["PrefixListIds"])
print(allowed, opened)
