"""An estate with planted faults in moto, on a port of its own.

Prints one line of JSON (where the server answers, and ids of what was made) and serves until its standard input ends,
so that it never outlives the test run. With an argument, the folder of the documented policies, it makes users before it
serves: one with the policy to read, one whose policy lacks ec2:DescribeNetworkAcls, and one who may only assume the role
that it makes too. From then on keys, signatures and permissions are checked.
"""

import json
import os
import sys

# boto3 reads these when it is loaded. moto gives every unknown key its default account.
os.environ.update(
    AWS_ACCESS_KEY_ID="seed",
    AWS_SECRET_ACCESS_KEY="seed",
    AWS_CONFIG_FILE=os.devnull,
    AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    AWS_EC2_METADATA_DISABLED="true",
    # Only own images and prefix lists are needed, and loading the others takes seconds.
    MOTO_EC2_LOAD_DEFAULT_AMIS="false",
)

import logging

import boto3
from moto import settings
from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.ec2.responses import EC2Response
from moto.iam.access_control import IAMRequest
from moto.server import ThreadedMotoServer

# A line for each request would drown the one that matters.
logging.getLogger("werkzeug").setLevel(logging.ERROR)

ACCOUNT = "123456789012"


def off(response):
    """VPC Block Public Access, which moto does not know."""
    return ActionResult(
        {
            "VpcBlockPublicAccessOptions": {
                "AwsAccountId": ACCOUNT,
                "AwsRegion": response.region,
                "State": "default-state",
                "InternetGatewayBlockMode": "off",
                "ManagedBy": "account",
                "ExclusionsAllowed": "allowed",
            }
        }
    )


EC2Response.describe_vpc_block_public_access_options = off
EC2Response.describe_vpc_block_public_access_exclusions = lambda _: ActionResult(
    {"VpcBlockPublicAccessExclusions": []}
)


# moto has no policy tables of transit gateways either.
EC2Response.describe_transit_gateway_policy_tables = lambda _: ActionResult({"TransitGatewayPolicyTables": []})


# moto computes signatures of calls that stand in the path in another way than AWS; whether they are permitted it does check.
signed = IAMRequest.check_signature
IAMRequest.check_signature = lambda call: None if call._service in ("route53", "es") else signed(call)


class Region:
    """One region's client, with the few things that the estate is made of."""

    def __init__(self, url, name, account=ACCOUNT):
        self.name = name
        keys = {}
        if account != ACCOUNT:
            sts = boto3.client("sts", region_name=name, endpoint_url=url)
            role = f"arn:aws:iam::{account}:role/audit"
            made = sts.assume_role(RoleArn=role, RoleSessionName="seed")["Credentials"]
            keys = {
                "aws_access_key_id": made["AccessKeyId"],
                "aws_secret_access_key": made["SecretAccessKey"],
                "aws_session_token": made["SessionToken"],
            }
        self.ec2 = boto3.client("ec2", region_name=name, endpoint_url=url, **keys)
        self.elb = boto3.client("elbv2", region_name=name, endpoint_url=url, **keys)
        self.classic = boto3.client("elb", region_name=name, endpoint_url=url, **keys)
        self.rds = boto3.client("rds", region_name=name, endpoint_url=url, **keys)
        self.route53 = boto3.client("route53", region_name=name, endpoint_url=url, **keys)

    def vpc(self, block, **more):
        return self.ec2.create_vpc(CidrBlock=block, **more)["Vpc"]["VpcId"]

    def subnet(self, vpc, block, **more):
        return self.ec2.create_subnet(VpcId=vpc, CidrBlock=block, **more)["Subnet"]["SubnetId"]

    def group(self, vpc, name, *ingress, egress=None):
        """A group that lets in `ingress`, each a port with one kind of source."""
        group = self.ec2.create_security_group(VpcId=vpc, GroupName=name, Description=name)["GroupId"]
        rules = [rule(port, **source) for port, source in ingress]
        if rules:
            self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)
        if egress is not None:
            everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
            self.ec2.revoke_security_group_egress(GroupId=group, IpPermissions=everything)
            self.ec2.authorize_security_group_egress(GroupId=group, IpPermissions=egress)
        return group

    def machine(self, subnet, group, address, name, role="upstream", v6=None):
        """An instance with that address; its interface's id."""
        interface = {"DeviceIndex": 0, "SubnetId": subnet, "Groups": [group], "PrivateIpAddress": address}
        tags = [{"Key": "Name", "Value": name}, {"Key": "Role", "Value": role}]
        made = self.ec2.run_instances(
            ImageId="ami-0",
            MinCount=1,
            MaxCount=1,
            NetworkInterfaces=[interface],
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
        )["Instances"][0]
        interface = made["NetworkInterfaces"][0]
        assert interface["PrivateIpAddress"] == address, interface
        if v6:
            ids = interface["NetworkInterfaceId"]
            self.ec2.assign_ipv6_addresses(NetworkInterfaceId=ids, Ipv6Addresses=[v6])
        return made["InstanceId"], interface["NetworkInterfaceId"]

    def route(self, vpc, block, peering):
        main = {"Name": "association.main", "Values": ["true"]}
        tables = self.ec2.describe_route_tables(Filters=[main, {"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
        self.ec2.create_route(
            RouteTableId=tables[0]["RouteTableId"], DestinationCidrBlock=block, VpcPeeringConnectionId=peering
        )


    def balancer(self, kind, name, vpc, subnets, group, address, listener, groups):
        """A load balancer with an interface, which moto does not make, and what it sends to."""
        made = self.elb.create_load_balancer(
            Name=name, Type=kind, Scheme="internal", Subnets=subnets, SecurityGroups=[group]
        )["LoadBalancers"][0]["LoadBalancerArn"]
        interface = self.ec2.create_network_interface(
            SubnetId=subnets[0],
            PrivateIpAddress=address,
            Groups=[group],
            Description="ELB " + made.split(":loadbalancer/")[1],
        )["NetworkInterface"]["NetworkInterfaceId"]
        ec2_backends[ACCOUNT][self.name].enis[interface].status = "in-use"
        protocol = "HTTP" if kind == "application" else "TCP"
        arns = []
        for at, (target_type, targets) in enumerate(groups):
            port = targets[0]["Port"]
            group = self.elb.create_target_group(
                Name=f"{name}-{at}", Protocol=protocol, Port=port, VpcId=vpc, TargetType=target_type
            )["TargetGroups"][0]["TargetGroupArn"]
            self.elb.register_targets(TargetGroupArn=group, Targets=targets)
            arns.append(group)
        forward = lambda group: [{"Type": "forward", "TargetGroupArn": group}]
        port = self.elb.create_listener(
            LoadBalancerArn=made, Protocol=protocol, Port=listener, DefaultActions=forward(arns[0])
        )["Listeners"][0]["ListenerArn"]
        for at, group in enumerate(arns[1:], 1):
            condition = {"Field": "path-pattern", "Values": [f"/{at}/*"]}
            self.elb.create_rule(ListenerArn=port, Priority=at, Conditions=[condition], Actions=forward(group))
        return made


    def classic_balancer(self, name, subnet, group, address, listener, machine, port):
        """A Classic Load Balancer with an interface, which moto does not make."""
        listeners = [{"Protocol": "HTTP", "LoadBalancerPort": listener, "InstancePort": port}]
        host = self.classic.create_load_balancer(
            LoadBalancerName=name, Listeners=listeners, Subnets=[subnet], SecurityGroups=[group], Scheme="internal"
        )["DNSName"]
        self.classic.register_instances_with_load_balancer(LoadBalancerName=name, Instances=[{"InstanceId": machine}])
        self.managed(subnet, group, address, f"ELB {name}")
        return host

    def database(self, name, subnets, group, address, port):
        """A database with an interface, which moto does not make."""
        self.rds.create_db_subnet_group(
            DBSubnetGroupName=name, DBSubnetGroupDescription=name, SubnetIds=subnets
        )
        made = self.rds.create_db_instance(
            DBInstanceIdentifier=name,
            DBInstanceClass="db.t3.micro",
            Engine="postgres",
            MasterUsername="seed",
            MasterUserPassword="seed-of-the-test",
            AllocatedStorage=20,
            Port=port,
            DBSubnetGroupName=name,
            VpcSecurityGroupIds=[group],
            AvailabilityZone=f"{self.name}a",
        )["DBInstance"]
        self.managed(subnets[0], group, address, "RDSNetworkInterface")
        return made["Endpoint"]["Address"]

    def managed(self, subnet, group, address, description):
        """An interface of a service."""
        made = self.ec2.create_network_interface(
            SubnetId=subnet, PrivateIpAddress=address, Groups=[group], Description=description
        )["NetworkInterface"]["NetworkInterfaceId"]
        ec2_backends[ACCOUNT][self.name].enis[made].status = "in-use"

    def zone(self, vpc, domain, records):
        """A private zone of a VPC: names with their types and values."""
        zone = self.route53.create_hosted_zone(
            Name=domain,
            CallerReference=domain,
            HostedZoneConfig={"Comment": "", "PrivateZone": True},
            VPC={"VPCRegion": self.name, "VPCId": vpc},
        )["HostedZone"]["Id"]
        changes = [
            {
                "Action": "CREATE",
                "ResourceRecordSet": {
                    "Name": f"{name}.{domain}",
                    "Type": kind,
                    "TTL": 60,
                    "ResourceRecords": [{"Value": value}],
                },
            }
            for name, kind, value in records
        ]
        self.route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})


def rule(first, last=None, protocol="tcp", **source):
    return {"IpProtocol": protocol, "FromPort": first, "ToPort": last or first, **source}


def block(text):
    return {"IpRanges": [{"CidrIp": text}]}


def six(text):
    return {"Ipv6Ranges": [{"CidrIpv6": text}]}


def neighbour(url, here, vpc):
    """The other side of two peerings, in another account of the organization: one in this region, one in the next."""
    organizations = boto3.client("organizations", region_name="us-east-1", endpoint_url=url)
    organizations.create_organization(FeatureSet="ALL")
    made = organizations.create_account(AccountName="neighbour", Email="neighbour@example.com")
    account = made["CreateAccountStatus"]["AccountId"]
    near, far = Region(url, "us-east-1", account), Region(url, "eu-west-1", account)
    for region, name, second in [(near, "us-east-1", 60), (far, "eu-west-1", 70)]:
        theirs = region.vpc(f"10.{second}.0.0/16")
        link = here.ec2.create_vpc_peering_connection(
            VpcId=vpc, PeerVpcId=theirs, PeerOwnerId=account, PeerRegion=name
        )["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        region.ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=link)
        here.route(vpc, f"10.{second}.0.0/16", link)
        region.route(theirs, "10.10.0.0/16", link)
        subnet = region.subnet(theirs, f"10.{second}.1.0/24")
        # moto knows groups of one account only, so no rule refers to nginx's.
        lets_in = block("10.10.1.0/24")
        region.machine(subnet, region.group(theirs, "theirs", (8012, lets_in)), f"10.{second}.1.20", "theirs")
        shut = region.group(theirs, "theirs-shut", (8012, block("10.10.99.0/24")))
        region.machine(subnet, shut, f"10.{second}.1.21", "theirs-shut")
    return account


def seed(url):
    here, far = Region(url, "us-east-1"), Region(url, "eu-west-1")
    vpc = here.vpc("10.10.0.0/16", AmazonProvidedIpv6CidrBlock=True)
    found = here.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]
    v6 = found["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"].removesuffix("00::/56")
    edge = here.subnet(vpc, "10.10.1.0/24", Ipv6CidrBlock=f"{v6}01::/64")
    app = here.subnet(vpc, "10.10.2.0/24", Ipv6CidrBlock=f"{v6}02::/64")
    trap = here.subnet(vpc, "10.10.3.0/24")

    out = [rule(8000, 8999, **block("10.0.0.0/8"), **six(f"{v6}00::/56"))]
    nginx = here.group(vpc, "edge", egress=out)
    edges = [
        here.machine(edge, nginx, f"10.10.1.{10 + at}", f"edge-{at}", "edge", f"{v6}01::{10 + at}") for at in range(2)
    ]
    entries = [{"Cidr": "10.10.1.0/24", "Description": "edge"}, {"Cidr": "192.0.2.0/24", "Description": "office"}]
    prefixes = here.ec2.create_managed_prefix_list(
        PrefixListName="edges", MaxEntries=5, AddressFamily="IPv4", Entries=entries
    )["PrefixList"]["PrefixListId"]

    by_group = {"UserIdGroupPairs": [{"GroupId": nginx, "UserId": ACCOUNT}]}
    by_list = {"PrefixListIds": [{"PrefixListId": prefixes}]}
    upstreams = [
        ("by-group", "10.10.2.20", [(8001, by_group)]),
        ("by-list", "10.10.2.21", [(8002, by_list)]),
        ("by-block", "10.10.2.22", [(8003, block("10.10.1.0/24"))]),
        ("no-ingress", "10.10.2.23", [(8004, block("10.10.99.0/24"))]),
        ("no-egress", "10.10.2.24", [(9500, by_group)]),
        ("open", "10.10.2.25", [(8006, block("0.0.0.0/0"))]),
    ]
    for name, address, ingress in upstreams:
        here.machine(app, here.group(vpc, name, *ingress), address, name)
    sixth = here.group(vpc, "six", (8010, six(f"{v6}01::/64")))
    here.machine(app, sixth, "10.10.2.26", "six", v6=f"{v6}02::26")

    # AWS gives the ACL of a VPC with IPv6 these entries too; moto forgets them.
    default = here.ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [app]}])
    for egress in (False, True):
        here.ec2.create_network_acl_entry(
            NetworkAclId=default["NetworkAcls"][0]["NetworkAclId"],
            RuleNumber=101,
            Protocol="-1",
            RuleAction="allow",
            Egress=egress,
            Ipv6CidrBlock="::/0",
        )

    # Behind load balancers: one that can be reached by default and by rule, and one that cannot.
    zones = [here.subnet(vpc, f"10.10.{at}.0/24", AvailabilityZone=f"us-east-1{zone}") for at, zone in [(4, "a"), (5, "b")]]
    front = here.group(vpc, "front", (8080, by_group))
    pages = here.group(vpc, "pages", (8100, {"UserIdGroupPairs": [{"GroupId": front, "UserId": ACCOUNT}]}))
    machines = [here.machine(zones[at], pages, f"10.10.{4 + at}.30", f"page-{at}")[0] for at in range(2)]
    targets = [("instance", [{"Id": machine, "Port": 8100}]) for machine in machines]
    application = here.balancer("application", "front", vpc, zones, front, "10.10.4.20", 8080, targets)
    here.machine(zones[0], here.group(vpc, "ledger", (8200, block("10.10.99.0/24"))), "10.10.4.31", "ledger")
    targets = [("ip", [{"Id": "10.10.4.31", "Port": 8200}])]
    here.balancer("network", "through", vpc, zones, front, "10.10.4.21", 8080, targets)

    # Of services, which stand in the VPC.
    lists = [("10.10.2.40", 8300), ("10.10.2.41", 5432)]
    ends = [here.group(vpc, f"end-{at}", (port, by_group)) for at, (_, port) in enumerate(lists)]
    behind = here.machine(app, here.group(vpc, "behind-old", (8301, {"UserIdGroupPairs": [{"GroupId": ends[0], "UserId": ACCOUNT}]})), "10.10.2.42", "behind-old")[0]
    old = here.classic_balancer("old", app, ends[0], "10.10.2.40", 8300, behind, 8301)
    zone_a = here.subnet(vpc, "10.10.6.0/24", AvailabilityZone="us-east-1a")
    shop = here.database("shop", [zone_a, app], ends[1], "10.10.6.41", 8302)
    here.ec2.authorize_security_group_ingress(GroupId=ends[1], IpPermissions=[rule(8302, **by_group)])
    records = [
        ("by-group", "A", "10.10.2.20"),
        ("no-ingress", "A", "10.10.2.23"),
        ("old", "CNAME", old),
        ("shop", "CNAME", shop),
        ("far", "CNAME", "app.example.com"),
    ]
    here.zone(vpc, "corp.internal", records)
    # Of another VPC, with the longer domain.
    here.zone(here.vpc("10.99.0.0/16"), "by-group.corp.internal", [("x", "A", "10.99.0.1")])

    # Lets connections in, and answers out to half of the ports that nginx may have connected from.
    here.machine(trap, here.group(vpc, "trap", (8005, by_group)), "10.10.3.20", "trap")
    acl = here.ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    for egress, first, last in [(False, 8000, 8999), (True, 49152, 65535)]:
        here.ec2.create_network_acl_entry(
            NetworkAclId=acl,
            RuleNumber=100,
            Protocol="6",
            RuleAction="allow",
            Egress=egress,
            CidrBlock="10.10.0.0/16",
            PortRange={"From": first, "To": last},
        )
    acls = here.ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [trap]}])["NetworkAcls"]
    for association in acls[0]["Associations"]:
        if association["SubnetId"] == trap:
            here.ec2.replace_network_acl_association(
                AssociationId=association["NetworkAclAssociationId"], NetworkAclId=acl
            )

    peered = here.vpc("10.30.0.0/16")
    link = here.ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=peered)["VpcPeeringConnection"]
    link = link["VpcPeeringConnectionId"]
    here.ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=link)
    here.route(vpc, "10.30.0.0/16", link)
    here.route(peered, "10.10.0.0/16", link)
    across = here.group(peered, "peered", (8008, block("10.10.1.0/24")))
    here.machine(here.subnet(peered, "10.30.1.0/24"), across, "10.30.1.20", "peered")

    abroad = far.vpc("10.50.0.0/16")
    long = here.ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=abroad, PeerRegion="eu-west-1")
    long = long["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    far.ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=long)
    here.route(vpc, "10.50.0.0/16", long)
    far.route(abroad, "10.10.0.0/16", long)
    shore = far.subnet(abroad, "10.50.1.0/24")
    far.machine(shore, far.group(abroad, "far", (8009, block("10.10.1.0/24"))), "10.50.1.20", "far")
    far.machine(shore, far.group(abroad, "far-shut", (8009, block("10.10.99.0/24"))), "10.50.1.21", "far-shut")

    return {
        "neighbour": neighbour(url, here, vpc),
        "edges": [{"instance": instance, "interface": interface} for instance, interface in edges],
        "prefix_list": prefixes,
        "acl": acl,
        "application": application,
        "vpc": vpc,
        "name": "by-group.corp.internal",
        "old": old,
        "shop": shop,
        "six": f"{v6}02::26",
        "trap_subnet": trap,
    }


def users(url, folder):
    documents = {}
    for name in ("aws-read-only", "aws-assume-role", "aws-trust"):
        with open(os.path.join(folder, f"{name}.json"), encoding="utf-8") as file:
            documents[name] = file.read()
    policy = json.loads(documents["aws-read-only"])
    iam = boto3.client("iam", region_name="us-east-1", endpoint_url=url)
    lesser = json.loads(json.dumps(policy))
    for statement in lesser["Statement"]:
        statement["Action"].remove("ec2:DescribeNetworkAcls")
    keys = {}
    known = [("reader", policy), ("lesser", lesser)]
    for name in ("aws-vpc-only", "aws-networks"):
        with open(os.path.join(folder, f"{name}.json"), encoding="utf-8") as file:
            known.append((name, json.load(file)))
    for name, document in known:
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="read", PolicyDocument=json.dumps(document))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        keys[name] = {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
    # What the role may do, who may have it, and what those need for that.
    caller = iam.create_user(UserName="caller")["User"]["Arn"]
    trust = json.loads(documents["aws-trust"])
    trust["Statement"][0]["Principal"]["AWS"] = caller
    role = iam.create_role(RoleName="reachlint", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="reachlint", PolicyName="read", PolicyDocument=documents["aws-read-only"])
    iam.put_user_policy(UserName="caller", PolicyName="assume", PolicyDocument=documents["aws-assume-role"])
    key = iam.create_access_key(UserName="caller")["AccessKey"]
    keys["caller"] = {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
    return {"keys": keys, "role": role}


def main():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    told = {"url": url, **seed(url)}
    if len(sys.argv) > 1:
        told.update(users(url, sys.argv[1]))
        settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    print(json.dumps(told), flush=True)
    sys.stdin.read()


main()
