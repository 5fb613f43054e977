//! Secret keys in memory. Files and permissions are the matter of `keys`.
//!
//! Zeroizing covers these values; copies that a compiler left in registers or on the stack, and swap, it does not.

use core::str::FromStr;

use alloc::string::String;
use ed25519_dalek::{Signer, SigningKey};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{
    context::Context,
    id::{self, GridId, IdError, NodeId},
};

/// Why a text is not a secret key. Says nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a secret key of this kind: {0}")]
pub struct SecretError(#[from] IdError);

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident, $id:ident, $prefix:literal) => {
        $(#[$doc])*
        ///
        /// # Security
        /// Neither `Debug`, `Clone` nor `Serialize`; wiped when dropped.
        pub struct $name(SigningKey);

        // SigningKey wipes itself when dropped (feature `zeroize`); the marker states that for this type.
        impl ZeroizeOnDrop for $name {}

        impl $name {
            /// Human-readable prefix of the text form.
            pub const PREFIX: &'static str = $prefix;

            /// From 32 bytes of a cryptographic generator, which are wiped.
            pub fn from_seed(mut seed: [u8; 32]) -> Self {
                let key = SigningKey::from_bytes(&seed);
                seed.zeroize();
                Self(key)
            }

            /// The public half.
            pub fn id(&self) -> $id {
                $id::from_bytes(self.0.verifying_key().to_bytes())
            }

            /// The line of a key file.
            pub fn to_text(&self) -> Zeroizing<String> {
                let mut seed = self.0.to_bytes();
                let text = Zeroizing::new(id::encode_text(&seed, Self::PREFIX));
                seed.zeroize();
                text
            }

            /// Signature over `context` and `body`.
            pub fn sign(&self, context: Context, body: &[u8]) -> [u8; 64] {
                self.0.sign(&context.message(body)).to_bytes()
            }
        }

        impl FromStr for $name {
            type Err = SecretError;

            fn from_str(text: &str) -> Result<Self, SecretError> {
                Ok(Self::from_seed(id::decode_text(text, Self::PREFIX)?))
            }
        }
    };
}

secret!(
    /// The key a node's operator signs records with. Text form `nodesecret1…`.
    NodeSecret,
    NodeId,
    "nodesecret"
);
impl NodeSecret {
    /// What X25519 multiplies by, unclamped.
    pub(super) fn scalar(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_scalar_bytes())
    }
}

secret!(
    /// The key of whoever runs the grid, kept offline. Text form `gridsecret1…`.
    GridSecret,
    GridId,
    "gridsecret"
);
