//! Numbers that take fewer bytes the smaller they are: seven bits a byte, the lowest first, and the
//! eighth bit where more follow.

/// Bytes of the largest number.
pub const BYTES_MAX: usize = 10;

/// Adds a number to `bytes`.
pub fn write(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Adds a number that is small when it is near zero, on either side.
pub fn write_signed(bytes: &mut Vec<u8>, value: i64) {
    write(bytes, (value.wrapping_shl(1) ^ (value >> 63)).cast_unsigned());
}

/// Takes a number from the front of `bytes`; `None` when there is none.
pub fn read(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    let mut shift = 0;
    loop {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Some(value);
        }
        shift += 7;
        if shift > 63 {
            return None;
        }
    }
}

/// Takes what [`write_signed`] wrote.
pub fn read_signed(bytes: &mut &[u8]) -> Option<i64> {
    let value = read(bytes)?;
    Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back(value: u64, shift in 0..64_u32) {
            let value = value >> shift;
            let mut bytes = Vec::new();
            write(&mut bytes, value);
            write_signed(&mut bytes, value.cast_signed());
            prop_assert!(bytes.len() <= 2 * BYTES_MAX);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(read(&mut rest), Some(value));
            prop_assert_eq!(read_signed(&mut rest), Some(value.cast_signed()));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn anything_is_a_number_or_none(bytes: Vec<u8>) {
            let mut rest = bytes.as_slice();
            while read(&mut rest).is_some() {}
            prop_assert!(rest.len() < bytes.len() || bytes.is_empty());
        }
    }

    #[test]
    fn what_exceeds_64_bits_is_no_number() {
        assert_eq!(read(&mut [0xff; 11].as_slice()), None);
        assert_eq!(
            read(&mut [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2].as_slice()),
            None
        );
        assert_eq!(read(&mut [0x80].as_slice()), None);
    }
}
