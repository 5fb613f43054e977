//! What a grant allows.

use alloc::{collections::BTreeSet, vec::Vec};

use super::grant::GrantClaimError;
use crate::record::ServiceName;

/// Names that a grant of at most 256 bytes has room for, when they are of usual length.
pub const SERVICES_PER_GRANT_MAX: usize = 8;

/// The services a node may offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceSet {
    /// Any, also those nobody has thought of yet.
    Any,
    /// These. None at all: the key belongs to the grid and offers nothing.
    Only(BTreeSet<ServiceName>),
}

impl ServiceSet {
    /// May this service be offered?
    pub fn admits(&self, name: &ServiceName) -> bool {
        match self {
            Self::Any => true,
            Self::Only(names) => names.contains(name),
        }
    }

    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Only(_), Self::Any) => false,
            (Self::Only(own), Self::Only(others)) => others.is_subset(own),
        }
    }
}

/// What a key may do in the grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    /// Services it may offer.
    pub services: ServiceSet,
    /// It may be listed among the introducers of the grid.
    pub introducer: bool,
}

impl Rights {
    /// Every service; no introducer.
    pub const ANY_SERVICE: Self = Self { services: ServiceSet::Any, introducer: false };

    /// These services and nothing else.
    pub fn services(names: impl IntoIterator<Item = ServiceName>) -> Self {
        Self { services: ServiceSet::Only(names.into_iter().collect()), introducer: false }
    }

    /// Are the rights of `other` among these?
    pub fn covers(&self, other: &Self) -> bool {
        self.services.covers(&other.services) && (self.introducer || !other.introducer)
    }

    /// May everything be offered that a record offers? A withdrawal offers nothing.
    pub fn admit<'a>(&self, services: impl IntoIterator<Item = &'a ServiceName>) -> bool {
        services.into_iter().all(|name| self.services.admits(name))
    }

    pub(super) fn refuse_malformed(&self) -> Result<(), GrantClaimError> {
        match &self.services {
            ServiceSet::Only(names) if names.len() > SERVICES_PER_GRANT_MAX => Err(GrantClaimError::TooManyServices),
            _ => Ok(()),
        }
    }

    /// From names as they stand on the wire: sorted, each once.
    pub(super) fn from_wire(names: Option<Vec<&str>>, introducer: bool) -> Result<Self, GrantClaimError> {
        let Some(names) = names else { return Ok(Self { services: ServiceSet::Any, introducer }) };
        if !names.is_sorted_by(|a, b| a < b) {
            return Err(GrantClaimError::ServiceOrder);
        }
        let names = names.into_iter().map(|name| name.parse().map_err(|_| GrantClaimError::ServiceName));
        Ok(Self { services: ServiceSet::Only(names.collect::<Result<_, _>>()?), introducer })
    }
}
