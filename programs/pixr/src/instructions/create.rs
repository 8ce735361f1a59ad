//! Accounts that the program makes where only a look at the address tells whether it has to.

use anchor_lang::{prelude::*, system_program};

/// Makes an account of the program at an address that `signer` derives, rent-exempt at the cost of
/// `payer`. Lamports that somebody sent there before do not stand in the way.
pub fn create_account<'info>(
    payer: &AccountInfo<'info>,
    account: &AccountInfo<'info>,
    space: usize,
    signer: &[&[u8]],
) -> Result<()> {
    let space_bytes = u64::try_from(space).map_err(|_| ProgramError::InvalidArgument)?;
    let rent = Rent::get()?.minimum_balance(space);
    let signers = [signer];
    if account.lamports() == 0 {
        let accounts = system_program::CreateAccount { from: payer.clone(), to: account.clone() };
        let context = CpiContext::new_with_signer(system_program::ID, accounts, &signers);
        return system_program::create_account(context, rent, space_bytes, &crate::ID);
    }
    let missing = rent.saturating_sub(account.lamports());
    if missing > 0 {
        let accounts = system_program::Transfer { from: payer.clone(), to: account.clone() };
        system_program::transfer(CpiContext::new(system_program::ID, accounts), missing)?;
    }
    let accounts = system_program::Allocate { account_to_allocate: account.clone() };
    let context = CpiContext::new_with_signer(system_program::ID, accounts, &signers);
    system_program::allocate(context, space_bytes)?;
    let accounts = system_program::Assign { account_to_assign: account.clone() };
    let context = CpiContext::new_with_signer(system_program::ID, accounts, &signers);
    system_program::assign(context, &crate::ID)
}
