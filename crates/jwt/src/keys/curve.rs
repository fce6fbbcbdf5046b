//! Which bytes are points of a curve. Public keys are no secrets: none of this needs constant time.

use simple_asn1::BigUint;

/// A curve whose points are keys for ECDSA (FIPS 186-5; SEC 2, sections 2.4.2 and 2.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
}

impl Curve {
    /// The length of a coordinate, in bytes.
    pub(super) fn len(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }

    /// Whether `y^2 = x^3 - 3x + b` over the curve's field. Every such point is a key: both curves are of prime order.
    pub(super) fn has(self, x: &[u8], y: &[u8]) -> bool {
        let (p, b) = self.field();
        let [x, y] = [x, y].map(BigUint::from_bytes_be);
        // Instead of -3x, which no unsigned number is.
        let right = &x * &x * &x + (&p - 3_u8) * &x + b;
        x < p && y < p && &y * &y % &p == right % &p
    }

    /// The prime of the field, and `b`.
    fn field(self) -> (BigUint, BigUint) {
        let (p, b) = match self {
            Self::P256 => (
                "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
                "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
            ),
            Self::P384 => (
                "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
                "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
            ),
        };
        (number(p), number(b))
    }
}

/// Whether these are an Ed25519 public key (RFC 8032, section 5.1.3): a point `-x^2 + y^2 = 1 + d x^2 y^2`, of which
/// `y` and the sign of `x` are given. The eight points of small order verify signatures that anyone can make, so they
/// are not keys.
pub(super) fn is_ed25519_key(bytes: &[u8; 32]) -> bool {
    let mut y = *bytes;
    // The highest bit is the sign.
    y[31] &= 0x7f;
    Edwards::new().is_key(&BigUint::from_bytes_le(&y))
}

/// The field of edwards25519, and `d`.
struct Edwards {
    p: BigUint,
    d: BigUint,
}

impl Edwards {
    fn new() -> Self {
        Self {
            p: number("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed"),
            d: number("52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3"),
        }
    }

    fn is_key(&self, y: &BigUint) -> bool {
        // Above `p` there is a second spelling of some points, which not every provider reads.
        *y < self.p && self.is_y_of_a_point(y) && !self.is_of_order_4_or_8(y)
    }

    /// Not of the points of order 1 and 2, where `x` is zero.
    fn is_y_of_a_point(&self, y: &BigUint) -> bool {
        let (p, one) = (&self.p, BigUint::from(1_u8));
        let squared = y * y % p;
        let above = (&squared + p - &one) % p;
        let below = (&self.d * &squared + &one) % p;
        // `x^2 = above / below`: a square if the product of both is one.
        (above * below % p).modpow(&((p - &one) / 2_u8), p) == one
    }

    /// A point is of order 4 if its `y` is zero, and of order 8 if that of its double is.
    fn is_of_order_4_or_8(&self, y: &BigUint) -> bool {
        let squared = y * y % &self.p;
        let double = (&self.d * &squared * &squared + &squared + &squared) % &self.p;
        *y == BigUint::ZERO || double == BigUint::from(1_u8)
    }
}

fn number(hex: &str) -> BigUint {
    BigUint::parse_bytes(hex.as_bytes(), 16).expect("a constant in hexadecimal")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn a_point_lies_on_its_curve() {
        // The curves' own base points (FIPS 186-5, by way of SP 800-186, section 3.2.1).
        for (curve, x, y) in [
            (
                Curve::P256,
                "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
                "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
            ),
            (
                Curve::P384,
                "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7",
                "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
            ),
        ] {
            let (x, y) = (bytes(x), bytes(y));
            assert!(curve.has(&x, &y), "{curve:?}");
            assert!(!curve.has(&y, &x), "{curve:?}");
            let mut off = y.clone();
            *off.last_mut().unwrap() ^= 1;
            assert!(!curve.has(&x, &off), "{curve:?}");
            let zero = vec![0; curve.len()];
            assert!(!curve.has(&zero, &zero), "{curve:?}: infinity is no key");
            // A second spelling of a coordinate, if there were room for it.
            let more = (BigUint::from_bytes_be(&y) + curve.field().0).to_bytes_be();
            assert!(!curve.has(&x, &more), "{curve:?}");
        }
    }

    #[test]
    fn an_ed25519_key_is_a_point_of_large_order_in_its_one_spelling() {
        for (hex, fine) in [
            // RFC 8032, section 7.1.
            ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", true),
            ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", true),
            // The base point, and with the other sign.
            ("5866666666666666666666666666666666666666666666666666666666666666", true),
            ("58666666666666666666666666666666666666666666666666666666666666e6", true),
            // No point: there is no x for y = 2.
            ("0200000000000000000000000000000000000000000000000000000000000000", false),
            // Of order 1, 2, 4 and 8.
            ("0100000000000000000000000000000000000000000000000000000000000000", false),
            ("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", false),
            ("0000000000000000000000000000000000000000000000000000000000000000", false),
            ("0000000000000000000000000000000000000000000000000000000000000080", false),
            ("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", false),
            ("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85", false),
            ("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", false),
            ("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa", false),
            // y = 3 is a point's, and p + 3 is not its spelling.
            ("0300000000000000000000000000000000000000000000000000000000000000", true),
            ("f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", false),
        ] {
            assert_eq!(is_ed25519_key(&bytes(hex).try_into().unwrap()), fine, "{hex}");
        }
    }
}
