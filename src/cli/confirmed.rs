//! A node that came by an invitation asks, before it publishes, whether it may stay.

use super::{failure::Failure, grant_file, output};
use crate::{
    ambient,
    client::{Client, ClientError, Confirmation, Introducer},
    config::NodeConfig,
    record::Timestamp,
};

/// Takes grants of whoever invited in place of those of the invitation, from the first introducer that has them. One that
/// does not answer hinders nothing: publishing tells of it.
///
/// # Errors
/// A grant file that can't be read, or not be written.
pub(super) async fn take(config: &NodeConfig, client: &Client, introducers: &[Introducer]) -> Result<(), Failure> {
    let Some(path) = &config.grant else { return Ok(()) };
    let held = grant_file::read(path)?;
    let Some(invitation) = held.chain.invitation() else { return Ok(()) };
    for introducer in introducers {
        match client.confirmation(introducer, held.key).await {
            Ok(Some(confirmation)) if lets_stay(&held, &invitation, &confirmation, ambient::wall()) => {
                let text = grant_file::text(&held.grid, &held.key, &confirmation.chain);
                grant_file::write(path, &text, &confirmation.grants)?;
                output::say(format_args!(
                    "Whoever invited this node lets it stay for {} days: the grant is in {}.",
                    confirmation.chain.expires().hours_since(ambient::wall()) / 24,
                    path.display(),
                ));
                return Ok(());
            }
            Ok(Some(_)) => output::say(format_args!("{introducer}: it has grants for this node that are of no use")),
            Ok(None) | Err(ClientError::Unsupported) => {}
            Err(error) => tracing::info!("no answer on whether this node may stay: {error}"),
        }
    }
    Ok(())
}

/// By whoever invited, for as much, and for longer.
fn lets_stay(
    held: &grant_file::GrantFile,
    invitation: &crate::record::NodeId,
    found: &Confirmation,
    now: Timestamp,
) -> bool {
    let lasting = held.chain.keys().iter().filter(|key| *key != invitation);
    found.chain.keys().iter().eq(lasting)
        && found.chain.rights().covers(held.chain.rights())
        && found.chain.expires() > held.chain.expires().max(now)
}
