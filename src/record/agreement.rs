//! X25519 with the keys of nodes (RFC 7748, 4.1): what is wrapped for a node's id its secret key opens.

use curve25519_dalek::MontgomeryPoint;
use ed25519_dalek::VerifyingKey;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize as _, ZeroizeOnDrop, Zeroizing};

use super::{NodeId, NodeSecret};

/// The key of whoever wraps, drawn for one use.
///
/// # Security
/// Neither `Debug` nor `Clone`; wiped when dropped.
#[derive(ZeroizeOnDrop)]
pub struct EphemeralSecret([u8; 32]);

impl EphemeralSecret {
    /// From 32 bytes of a cryptographic generator.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The public half.
    pub fn public(&self) -> [u8; 32] {
        MontgomeryPoint::mul_base_clamped(self.0).to_bytes()
    }

    /// What it and a node have in common; `None` for what is no key, or one of small order.
    pub fn agree(&self, node: &NodeId) -> Option<Zeroizing<[u8; 32]>> {
        let key = VerifyingKey::from_bytes(node.as_bytes()).ok().filter(|key| !key.is_weak())?;
        contributed(key.to_montgomery().mul_clamped(self.0))
    }

    /// Bytes that look random to whoever has not got it.
    pub fn expand(&self, label: &[u8], info: &[u8], out: &mut [u8]) {
        // Fails for more than 255 hashes' worth alone.
        let _ = Hkdf::<Sha256>::new(Some(label), &self.0).expand(info, out);
    }
}

impl NodeSecret {
    /// What the node and an ephemeral key have in common; `None` for one of small order.
    pub fn agree(&self, ephemeral: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
        contributed(MontgomeryPoint(*ephemeral).mul_clamped(*self.scalar()))
    }
}

/// All zeros is what every secret has in common with a point of small order (RFC 7748, 6.1).
fn contributed(mut point: MontgomeryPoint) -> Option<Zeroizing<[u8; 32]>> {
    let shared = Zeroizing::new(point.to_bytes());
    point.zeroize();
    (*shared != [0; 32]).then_some(shared)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_come_to_the_same() {
        let (node, ephemeral) = (NodeSecret::from_seed([1; 32]), EphemeralSecret::new([2; 32]));
        let ours = ephemeral.agree(&node.id()).expect("a key");
        assert_eq!(*ours, *node.agree(&ephemeral.public()).expect("a key"));
        assert_ne!(*ours, *NodeSecret::from_seed([3; 32]).agree(&ephemeral.public()).expect("a key"));
    }

    #[test]
    fn what_has_no_secret_half_is_refused() {
        let ephemeral = EphemeralSecret::new([2; 32]);
        // The neutral point, a point of order 4, and no point at all.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        for key in [neutral, [0; 32], [2; 32]] {
            assert!(ephemeral.agree(&NodeId::from_bytes(key)).is_none());
        }
        assert!(NodeSecret::from_seed([1; 32]).agree(&[0; 32]).is_none());
    }
}
