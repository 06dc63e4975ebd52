//! The validity of an X.509 certificate.

use std::time::{Duration, SystemTime};

use der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use der::{Decode as _, Reader as _, SliceReader, Tag, Tagged as _};

/// Returns when a certificate (DER) ends; `None` for what is no certificate.
#[must_use]
pub fn certificate_end(certificate: &[u8]) -> Option<SystemTime> {
    let since_epoch = not_after(certificate).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(since_epoch)
}

/// Reads `tbsCertificate.validity.notAfter` (RFC 5280, section 4.1), and nothing behind it.
fn not_after(certificate: &[u8]) -> der::Result<Duration> {
    let mut certificate = sequence(AnyRef::from_der(certificate)?)?;
    let mut signed = sequence(certificate.decode()?)?;
    let first: AnyRef<'_> = signed.decode()?;
    // A certificate of version 1 begins with its serial number.
    if first.tag().is_context_specific() {
        let _serial_number: AnyRef<'_> = signed.decode()?;
    }
    let _signature_algorithm: AnyRef<'_> = signed.decode()?;
    let _issuer: AnyRef<'_> = signed.decode()?;
    let mut validity = sequence(signed.decode()?)?;
    let _not_before: AnyRef<'_> = validity.decode()?;
    let end: AnyRef<'_> = validity.decode()?;
    if end.tag() == Tag::UtcTime {
        Ok(end.decode_as::<UtcTime>()?.to_unix_duration())
    } else {
        Ok(end.decode_as::<GeneralizedTime>()?.to_unix_duration())
    }
}

fn sequence(value: AnyRef<'_>) -> der::Result<SliceReader<'_>> {
    value.tag().assert_eq(Tag::Sequence)?;
    SliceReader::new(value.value())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn until(year: i32) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["test".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 2, 3);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_end_of_a_certificate_is_read_in_both_forms_of_time() {
        // RFC 5280 wants UTCTime until 2049, and GeneralizedTime from 2050 on.
        let rows = [(2030, 1_896_307_200), (2051, 2_558_995_200)];
        for (year, seconds) in rows {
            let expected = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(certificate_end(&until(year)), Some(expected), "{year}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        let whole = until(2030);
        let cut = &whole[..40];
        for text in [b"".as_slice(), b"no certificate", cut, &[0x30, 0x00]] {
            assert_eq!(certificate_end(text), None, "{text:?}");
        }
    }
}
