//! One public key in PEM (RFC 7468): a `SubjectPublicKeyInfo` (RFC 5280, section 4.1), or PKCS #1 for RSA (RFC 8017,
//! appendix A.1.1).

use simple_asn1::{
    ASN1Block::{self, BitString, Integer, ObjectIdentifier, Sequence},
    BigInt, OID, from_der, oid,
};

use super::{curve::Curve, key::KeyError, public::Public};

pub(super) fn read(text: &[u8]) -> Result<Public, KeyError> {
    let blocks = pem::parse_many(text).map_err(|_| KeyError::Unreadable)?;
    let [block] = blocks.as_slice() else {
        return Err(if blocks.is_empty() { KeyError::Unreadable } else { KeyError::SeveralKeys });
    };
    let key = match block.tag() {
        "PUBLIC KEY" => public(block.contents()),
        "RSA PUBLIC KEY" => rsa(block.contents()),
        tag if tag.ends_with("CERTIFICATE") => return Err(KeyError::Certificate),
        tag if tag.ends_with("PRIVATE KEY") => return Err(KeyError::PrivateKey),
        _ => None,
    };
    key.ok_or(KeyError::Unreadable)
}

/// Whether a text is PEM, of whatever it may be.
pub(super) fn is_pem(text: &[u8]) -> bool {
    const BEGIN: &[u8] = b"-----BEGIN ";
    text.windows(BEGIN.len()).any(|window| window == BEGIN)
}

fn public(der: &[u8]) -> Option<Public> {
    let parts = sequence(der)?;
    let [Sequence(_, algorithm), BitString(_, bits, key)] = parts.as_slice() else { return None };
    if *bits != key.len() * 8 {
        return None;
    }
    let (ObjectIdentifier(_, kind), parameters) = algorithm.split_first()? else { return None };
    if *kind == oid!(1, 2, 840, 113_549, 1, 1, 1) {
        return rsa(key);
    }
    // RFC 8410, section 3.
    if *kind == oid!(1, 3, 101, 112) {
        return parameters.is_empty().then(|| Public::Ed25519(key.clone()));
    }
    let (true, [ObjectIdentifier(_, curve)]) = (*kind == oid!(1, 2, 840, 10_045, 2, 1), parameters) else {
        return None;
    };
    ec(curve, key)
}

/// RFC 5480, section 2.2: a point, not compressed.
fn ec(curve: &OID, key: &[u8]) -> Option<Public> {
    let curve = match curve {
        curve if *curve == oid!(1, 2, 840, 10_045, 3, 1, 7) => Curve::P256,
        curve if *curve == oid!(1, 3, 132, 0, 34) => Curve::P384,
        _ => return None,
    };
    let (4, point) = key.split_first()? else { return None };
    let (x, y) = point.split_at_checked(curve.len())?;
    Some(Public::Ec { curve, x: x.to_vec(), y: y.to_vec() })
}

fn rsa(der: &[u8]) -> Option<Public> {
    let parts = sequence(der)?;
    let [Integer(_, modulus), Integer(_, exponent)] = parts.as_slice() else { return None };
    Some(Public::Rsa { modulus: unsigned(modulus)?, exponent: unsigned(exponent)? })
}

fn unsigned(number: &BigInt) -> Option<Vec<u8>> {
    Some(number.to_biguint()?.to_bytes_be())
}

fn sequence(der: &[u8]) -> Option<Vec<ASN1Block>> {
    let mut blocks = from_der(der).ok()?;
    match (blocks.pop(), blocks.is_empty()) {
        (Some(Sequence(_, parts)), true) => Some(parts),
        _ => None,
    }
}
