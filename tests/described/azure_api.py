"""Prints what Microsoft's own clients know of the APIs that reachlint asks, as JSON: operations and the fields of models.

The clients are generated from the published descriptions (Azure/azure-rest-api-specs), each for one version of an API. Their
request builders are called with the parameters' own names, so that what comes back is the description's path.
"""

import inspect
import json
import sys
from urllib.parse import parse_qs, unquote, urlsplit

from azure.mgmt.compute.v2024_07_01 import models as compute_models
from azure.mgmt.compute.v2024_07_01.operations import _operations as compute
from azure.mgmt.network import models as network_models
from azure.mgmt.network.operations import _operations as network
from azure.mgmt.privatedns import models as dns_models
from azure.mgmt.privatedns.operations import _private_zones_operations as dns_zones
from azure.mgmt.privatedns.operations import _record_sets_operations as dns_records
from azure.mgmt.privatedns.operations import _virtual_network_links_operations as dns_links


def operation(name, build):
    parameters = inspect.signature(build).parameters.values()
    named = [each for each in parameters if each.kind is not inspect.Parameter.VAR_KEYWORD]
    needed = {each.name: "{%s}" % each.name for each in named if each.default is inspect.Parameter.empty}
    optional = {each.name: "{%s}" % each.name for each in named if each.name not in needed and each.name != "json"}

    def query(arguments):
        address = urlsplit(build(**arguments).url)
        return unquote(address.path), parse_qs(address.query)

    path, must = query(needed)
    try:
        _, may = query(needed | optional)
    except Exception:  # an option with a type of its own; the operation is known without it
        may = must
    return {
        "name": name,
        "method": build(**needed).method,
        "path": path,
        "version": must.get("api-version", [""])[0],
        "needs": sorted(must),
        "knows": sorted(set(may) | set(must)),
        # Builders take a body as it is, and say of what type it is.
        "body": "content_type" in inspect.getsource(build),
    }


def operations(module):
    for name, build in vars(module).items():
        if name.startswith("build_") and name.endswith("_request"):
            try:
                yield operation(name[len("build_") : -len("_request")], build)
            except Exception as error:
                print(f"{name} is left out: {error}", file=sys.stderr)


def models(module):
    found = {}
    for name, each in vars(module).items():
        fields = getattr(each, "_attribute_map", None)
        if inspect.isclass(each) and fields:
            found[name] = {field["key"].replace("\\\\.", "."): field["type"] for field in fields.values()}
    return found


json.dump(
    {
        "operations": [
            found for module in (network, compute, dns_zones, dns_records, dns_links) for found in operations(module)
        ],
        "models": {
            "network": models(network_models),
            "compute": models(compute_models),
            "dns": models(dns_models),
        },
    },
    sys.stdout,
)
