use anchor_lang::{prelude::*, system_program};

/// Pays the rent of `bytes` of a shard to whoever opened it.
///
/// Who registers without the keeper pays for the place, so filling shards costs an attacker what it
/// costs the platform to open new ones.
pub fn pay_slot_rent<'info>(
    registrar: &Signer<'info>,
    rent_receiver: &AccountInfo<'info>,
    bytes: usize,
) -> Result<()> {
    let rent = Rent::get()?;
    let lamports = rent.minimum_balance(bytes).saturating_sub(rent.minimum_balance(0));
    let accounts =
        system_program::Transfer { from: registrar.to_account_info(), to: rent_receiver.clone() };
    system_program::transfer(CpiContext::new(system_program::ID, accounts), lamports)
}
