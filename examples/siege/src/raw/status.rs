//! The status of a response over HTTP/2, without the other headers.

/// The status that accepts an extended CONNECT.
pub(super) const OK: u16 = 200;

/// The statuses of the static table (RFC 7541, appendix A), from index 8 on.
const STATIC: [u16; 7] = [OK, 204, 206, 304, 400, 404, 500];

/// Parses the first header of a block, which is the status (RFC 9113, section 8.3.2): indexed, or a literal with an
/// indexed name. `None` for other encodings.
pub(super) fn of(block: &[u8]) -> Option<u16> {
    // An update of the table's size may come first (RFC 7541, section 4.2).
    let sizes = block.iter().take_while(|&&byte| byte & 0xe0 == 0x20).count();
    match &block[sizes..] {
        [index @ 0x88..=0x8e, ..] => STATIC.get(usize::from(index - 0x88)).copied(),
        // With indexing, without, and never: the name is that of index 8 to 14.
        [0x48..=0x4e | 0x08..=0x0e | 0x18..=0x1e, length, text @ ..] => {
            let text = text.get(..usize::from(length & 0x7f)).unwrap_or_default();
            let digits = if length & 0x80 == 0 { text.to_vec() } else { huffman(text) };
            std::str::from_utf8(&digits).ok()?.parse().ok()
        }
        _ => None,
    }
}

/// Decodes three digits (RFC 7541, appendix B): 0 to 2 have 5 bits, the others 6.
fn huffman(text: &[u8]) -> Vec<u8> {
    let bits: Vec<u8> = text.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1)).collect();
    let number = |bits: &[u8]| bits.iter().fold(0, |number, bit| number << 1 | bit);
    let (mut digits, mut rest) = (Vec::new(), &bits[..]);
    while digits.len() < 3 && rest.len() >= 6 {
        let (short, long) = (number(&rest[..5]), number(&rest[..6]));
        let (digit, used) = if short <= 2 { (short, 5) } else { (long.wrapping_sub(0b01_1001).wrapping_add(3), 6) };
        if digit > 9 {
            return Vec::new();
        }
        digits.push(b'0' + digit);
        rest = &rest[used..];
    }
    // The last digit may have no padding after it.
    if digits.len() == 2 && rest.len() == 5 && number(rest) <= 2 {
        digits.push(b'0' + number(rest));
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_parsed_in_all_common_encodings() {
        for (block, status) in [
            (&[0x88][..], Some(200)),
            (&[0x8c, 0x61], Some(400)),
            (&[0x20, 0x8d], Some(404)),
            (b"\x48\x03403", Some(403)),
            (b"\x08\x03429", Some(429)),
            // RFC 7541, appendix C.6.
            (b"\x48\x82\x64\x02", Some(302)),
            (b"\x48\x83\x64\x0e\xff", Some(307)),
            (b"\x48\x82\x68\x01", Some(401)),
            (b"\x48\x83\x68\x0c\xff", Some(403)),
            (b"\x48\x83\x68\x4f\xff", Some(429)),
            (b"\x48\x83\x68\x4e\x7f", Some(426)),
            (b"\x48\x83\x6c\x0c\xff", Some(503)),
            (b"", None),
            (b"\x48", None),
            (b"\x48\x7f403", None),
            (b"\x48\x83\xff\xff\xff", None),
            (b"\x40\x03foo", None),
        ] {
            assert_eq!(of(block), status, "{block:02x?}");
        }
    }
}
