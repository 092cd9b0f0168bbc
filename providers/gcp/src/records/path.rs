//! Names of resources. The API writes full URLs, partial ones and those of several versions for the same thing.

/// A resource's path without host and version: `projects/shop/global/networks/prod`.
#[must_use]
pub(crate) fn path(url: &str) -> &str {
    const ROOTS: [&str; 4] = ["projects/", "organizations/", "folders/", "locations/"];
    let start = ROOTS.iter().filter_map(|root| {
        let found = url.match_indices(root).map(|(at, _)| at);
        found.filter(|at| *at == 0 || url.as_bytes().get(at - 1) == Some(&b'/')).min()
    });
    start.min().and_then(|at| url.get(at..)).unwrap_or(url)
}

/// The names in a path without the kinds between them: `shop/europe-west1-b/web-1`.
#[must_use]
pub(crate) fn short(path: &str) -> String {
    let mut names = Vec::new();
    let mut segments = path.split('/').filter(|segment| *segment != "global");
    while let Some(kind) = segments.next() {
        names.push(segments.next().unwrap_or(kind));
    }
    names.join("/")
}

/// What follows a kind in a path: of `projects/shop/zones/a/instances/web` the segment behind `zones`.
#[must_use]
pub(crate) fn segment<'p>(path: &'p str, kind: &str) -> Option<&'p str> {
    let mut segments = path.split('/');
    segments.find(|segment| *segment == kind)?;
    segments.next().filter(|segment| !segment.is_empty())
}

/// The last segment, which is the name.
#[must_use]
pub(crate) fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The region of a zone: `europe-west1` of `europe-west1-b`.
#[must_use]
pub(crate) fn region_of(zone: &str) -> &str {
    zone.rsplit_once('-').map_or(zone, |(region, _)| region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_resource_is_one_path() {
        let spellings = [
            "https://www.googleapis.com/compute/v1/projects/shop/global/networks/prod",
            "https://compute.googleapis.com/compute/beta/projects/shop/global/networks/prod",
            "//compute.googleapis.com/projects/shop/global/networks/prod",
            "projects/shop/global/networks/prod",
        ];
        for spelling in spellings {
            assert_eq!(path(spelling), "projects/shop/global/networks/prod");
        }
        assert_eq!(
            path("https://www.googleapis.com/compute/v1/locations/global/firewallPolicies/7"),
            "locations/global/firewallPolicies/7"
        );
        assert_eq!(path("folders/12"), "folders/12");
    }

    #[test]
    fn short_names_leave_the_kinds_out() {
        assert_eq!(short("projects/shop/zones/europe-west1-b/instances/web"), "shop/europe-west1-b/web");
        assert_eq!(short("projects/shop/global/networks/prod"), "shop/prod");
        assert_eq!((last("a/b"), region_of("europe-west1-b")), ("b", "europe-west1"));
        assert_eq!(segment("projects/shop/zones/b", "zones"), Some("b"));
        assert_eq!(segment("projects/shop", "zones"), None);
    }
}
