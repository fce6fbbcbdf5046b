//! Issuers of many tenants, which publish one document for all of them.
//!
//! Microsoft's says that its issuer is `https://login.microsoftonline.com/{tenantid}/v2.0`. Its tokens have the tenant's
//! identifier in that place, and anyone can create a tenant.

const PLACE: &str = "{tenantid}";

/// Whether this is a pattern of issuers, and none of them.
pub(crate) fn is_pattern(issuer: &str) -> bool {
    issuer.contains(PLACE)
}

/// The issuer of one tenant; `None` if that is no tenant's identifier.
pub(crate) fn of_tenant(pattern: &str, tenant: &str) -> Option<String> {
    is_identifier(tenant).then(|| pattern.replacen(PLACE, &tenant.to_ascii_lowercase(), 1))
}

/// Whether this is the issuer of one tenant.
pub(crate) fn fits(pattern: &str, issuer: &str) -> bool {
    let Some((before, behind)) = pattern.split_once(PLACE) else { return false };
    let tenant = issuer.strip_prefix(before).and_then(|rest| rest.strip_suffix(behind));
    tenant.is_some_and(is_identifier)
}

/// A GUID. Names such as `common` or a domain stand in no token.
fn is_identifier(tenant: &str) -> bool {
    tenant.len() == 36
        && tenant.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_named_by_its_identifier() {
        let pattern = "https://login.example/{tenantid}/v2.0";
        for (tenant, issuer) in [
            (
                "8eaef023-2b34-4da1-9baa-8bc8c9d6a490",
                Some("https://login.example/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0"),
            ),
            (
                "8EAEF023-2B34-4DA1-9BAA-8BC8C9D6A490",
                Some("https://login.example/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0"),
            ),
            ("common", None),
            ("contoso.onmicrosoft.com", None),
            ("8eaef023-2b34-4da1-9baa-8bc8c9d6a49", None),
            ("8eaef023-2b34-4da1-9baa-8bc8c9d6a4900", None),
            ("8eaef02332b34-4da1-9baa-8bc8c9d6a490", None),
            ("8eaef023-2b34-4da1-9baa/8bc8c9d6a490", None),
            ("", None),
        ] {
            let of = of_tenant(pattern, tenant);
            assert_eq!(of.as_deref(), issuer, "{tenant}");
            assert_eq!(fits(pattern, &pattern.replace(PLACE, tenant)), issuer.is_some(), "{tenant}");
        }
        let tenant = "https://login.example/8eaef023-2b34-4da1-9baa-8bc8c9d6a490";
        for issuer in [pattern.to_owned(), tenant.to_owned(), format!("{tenant}/v2.0/"), format!("{tenant}/a/v2.0")] {
            assert!(!fits(pattern, &issuer), "{issuer}");
        }
        assert!(!fits("https://login.example/v2.0", "https://login.example/v2.0"), "no pattern");
    }
}
