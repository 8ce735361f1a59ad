use anchor_lang::{
    InstructionData, ToAccountMetas,
    prelude::Pubkey,
    solana_program::{instruction::Instruction, system_instruction, system_program},
};
use pixr::{
    accounts, instruction as data,
    instructions::Roles,
    state::{Role, Settings, shard::Capacities},
};

use crate::{authority_transfer_address, platform_address, vault_address, withdrawal_address};

/// A platform's addresses that nearly every instruction names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Platform {
    /// The platform account.
    pub address: Pubkey,
    /// The token that everything is paid in.
    pub mint: Pubkey,
    /// The token program that owns the mint.
    pub token_program: Pubkey,
}

/// What a new platform starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RolesAndSettings {
    /// Who holds which role.
    pub roles: Roles,
    /// Rates, fees and limits.
    pub settings: Settings,
}

pub(crate) fn build(accounts: impl ToAccountMetas, data: impl InstructionData) -> Instruction {
    Instruction {
        program_id: pixr::ID,
        accounts: accounts.to_account_metas(None),
        data: data.data(),
    }
}

impl Platform {
    /// The platform whose creation `base` signs, with everything in `mint`.
    pub fn new(base: &Pubkey, mint: Pubkey, token_program: Pubkey) -> Self {
        Self { address: platform_address(base), mint, token_program }
    }

    /// Creates the platform. Signers: `payer`, `base`.
    pub fn initialize(&self, payer: Pubkey, base: Pubkey, start: RolesAndSettings) -> Instruction {
        build(
            accounts::InitializePlatform {
                payer,
                base,
                platform: self.address,
                mint: self.mint,
                token_program: self.token_program,
                system_program: system_program::ID,
            },
            data::InitializePlatform { roles: start.roles, settings: start.settings },
        )
    }

    fn admin_only(&self, admin: Pubkey) -> accounts::AdminOnly {
        accounts::AdminOnly { admin, platform: self.address }
    }

    /// Replaces rates, fees and limits. Signer: `admin`.
    pub fn update_settings(&self, admin: Pubkey, settings: Settings) -> Instruction {
        build(self.admin_only(admin), data::UpdateSettings { settings })
    }

    /// Hands a role to `holder`. Signer: `admin`.
    pub fn set_role(&self, admin: Pubkey, role: Role, holder: Pubkey) -> Instruction {
        build(self.admin_only(admin), data::SetRole { role, holder })
    }

    /// Names the next admin. Signer: `admin`.
    pub fn propose_admin(&self, admin: Pubkey, proposed: Pubkey) -> Instruction {
        build(self.admin_only(admin), data::ProposeAdmin { proposed })
    }

    /// Takes over as admin. Signer: `pending_admin`.
    pub fn accept_admin(&self, pending_admin: Pubkey) -> Instruction {
        build(accounts::AcceptAdmin { pending_admin, platform: self.address }, data::AcceptAdmin {})
    }

    /// Stops everybody but admin and guardian. Signer: `guardian`, who may be the admin.
    pub fn pause(&self, guardian: Pubkey) -> Instruction {
        build(accounts::Pause { guardian, platform: self.address }, data::Pause {})
    }

    /// Lets everybody act again. Signer: `admin`.
    pub fn unpause(&self, admin: Pubkey) -> Instruction {
        build(self.admin_only(admin), data::Unpause {})
    }

    /// Makes the account of a shard at its full size and opens it: two instructions for one
    /// transaction. `rent_lamports` makes it rent-exempt. Signers: `payer`, `admin`, `shard`.
    ///
    /// Returns `None` when no shard can have these capacities.
    pub fn open_shard(
        &self,
        payer: Pubkey,
        admin: Pubkey,
        shard: Pubkey,
        capacities: Capacities,
        rent_lamports: u64,
    ) -> Option<[Instruction; 2]> {
        let space = capacities.account_bytes()?;
        Some([
            system_instruction::create_account(&payer, &shard, rent_lamports, space, &pixr::ID),
            self.open_shard_only(payer, admin, shard, capacities),
        ])
    }

    /// Opens a shard whose account was made before. Signers: `payer`, `admin`.
    pub fn open_shard_only(
        &self,
        payer: Pubkey,
        admin: Pubkey,
        shard: Pubkey,
        capacities: Capacities,
    ) -> Instruction {
        let Capacities { creators, contents, lanes } = capacities;
        build(
            accounts::OpenShard {
                payer,
                admin,
                platform: self.address,
                shard,
                vault: vault_address(&shard),
                mint: self.mint,
                token_program: self.token_program,
                system_program: system_program::ID,
            },
            data::OpenShard { creators, contents, lanes },
        )
    }

    fn pay_in(&self, payer: Pubkey, source: Pubkey, shard: Pubkey) -> accounts::PayIn {
        accounts::PayIn {
            payer,
            platform: self.address,
            shard,
            vault: vault_address(&shard),
            source,
            mint: self.mint,
            token_program: self.token_program,
        }
    }

    /// Moves `amount` from `source` into the reward budget. Signer: `payer`, its owner.
    pub fn fund_shard(
        &self,
        payer: Pubkey,
        source: Pubkey,
        shard: Pubkey,
        amount: u64,
    ) -> Instruction {
        build(self.pay_in(payer, source, shard), data::FundShard { amount })
    }

    /// Tips a creator from `source`. Signer: `payer`, its owner.
    pub fn tip(
        &self,
        payer: Pubkey,
        source: Pubkey,
        shard: Pubkey,
        creator: u32,
        amount: u64,
        memo: String,
    ) -> Instruction {
        build(self.pay_in(payer, source, shard), data::Tip { creator, amount, memo })
    }

    /// Pays collected fees to the two token accounts. No signer.
    pub fn collect_fees(&self, shard: Pubkey, treasury: Pubkey, processor: Pubkey) -> Instruction {
        build(
            accounts::CollectFees {
                platform: self.address,
                shard,
                vault: vault_address(&shard),
                treasury,
                processor,
                mint: self.mint,
                token_program: self.token_program,
            },
            data::CollectFees {},
        )
    }

    fn register(
        &self,
        registrar: Pubkey,
        shard: Pubkey,
        rent_receiver: Pubkey,
    ) -> accounts::Register {
        accounts::Register {
            registrar,
            platform: self.address,
            shard,
            rent_receiver,
            system_program: system_program::ID,
        }
    }

    /// Gives `authority` a creator slot. Signer: `registrar`, the authority itself or the keeper.
    /// `rent_receiver` is who opened the shard.
    pub fn register_creator(
        &self,
        registrar: Pubkey,
        shard: Pubkey,
        rent_receiver: Pubkey,
        authority: Pubkey,
    ) -> Instruction {
        build(self.register(registrar, shard, rent_receiver), data::RegisterCreator { authority })
    }

    /// Gives a content a slot. Signer: `registrar`, the creator's authority or the keeper.
    pub fn register_content(
        &self,
        registrar: Pubkey,
        shard: Pubkey,
        rent_receiver: Pubkey,
        creator: u32,
        id: [u8; 16],
    ) -> Instruction {
        build(self.register(registrar, shard, rent_receiver), data::RegisterContent { creator, id })
    }

    /// Proposes another withdraw authority. Signer: `authority`.
    pub fn propose_authority(
        &self,
        authority: Pubkey,
        shard: Pubkey,
        creator: u32,
        proposed: Pubkey,
    ) -> Instruction {
        build(
            accounts::ProposeAuthority {
                authority,
                platform: self.address,
                shard,
                transfer: authority_transfer_address(&shard, creator),
                system_program: system_program::ID,
            },
            data::ProposeAuthority { creator, proposed },
        )
    }

    /// Takes over as withdraw authority; `authority` proposed it. Signer: `proposed`.
    pub fn accept_authority(
        &self,
        proposed: Pubkey,
        shard: Pubkey,
        creator: u32,
        authority: Pubkey,
    ) -> Instruction {
        build(
            accounts::AcceptAuthority {
                proposed,
                platform: self.address,
                shard,
                transfer: authority_transfer_address(&shard, creator),
                authority,
            },
            data::AcceptAuthority {},
        )
    }

    /// Takes a proposal back. Signer: `authority`.
    pub fn cancel_authority(&self, authority: Pubkey, shard: Pubkey, creator: u32) -> Instruction {
        build(
            accounts::CancelAuthority {
                authority,
                platform: self.address,
                shard,
                transfer: authority_transfer_address(&shard, creator),
            },
            data::CancelAuthority {},
        )
    }

    /// Pays `amount` of a balance to `destination` at once. Signer: `authority`.
    pub fn withdraw(
        &self,
        authority: Pubkey,
        shard: Pubkey,
        creator: u32,
        destination: Pubkey,
        amount: u64,
    ) -> Instruction {
        build(
            accounts::Withdraw {
                authority,
                platform: self.address,
                shard,
                vault: vault_address(&shard),
                destination,
                mint: self.mint,
                token_program: self.token_program,
            },
            data::Withdraw { creator, amount },
        )
    }

    /// Requests a delayed withdrawal with the creator's next `number`. Signers: `authority`, `payer`.
    #[expect(clippy::too_many_arguments, reason = "each one is a field of the request")]
    pub fn request_withdrawal(
        &self,
        authority: Pubkey,
        payer: Pubkey,
        shard: Pubkey,
        creator: u32,
        number: u32,
        destination: Pubkey,
        amount: u64,
    ) -> Instruction {
        build(
            accounts::RequestWithdrawal {
                authority,
                payer,
                platform: self.address,
                shard,
                withdrawal: withdrawal_address(&shard, creator, number),
                destination,
                mint: self.mint,
                system_program: system_program::ID,
            },
            data::RequestWithdrawal { creator, number, amount },
        )
    }

    /// Pays a delayed withdrawal; `payer` and `destination` are those of the request. Signer:
    /// `authority`.
    pub fn execute_withdrawal(
        &self,
        authority: Pubkey,
        payer: Pubkey,
        shard: Pubkey,
        creator: u32,
        number: u32,
        destination: Pubkey,
    ) -> Instruction {
        build(
            accounts::ExecuteWithdrawal {
                authority,
                platform: self.address,
                shard,
                withdrawal: withdrawal_address(&shard, creator, number),
                payer,
                vault: vault_address(&shard),
                destination,
                mint: self.mint,
                token_program: self.token_program,
            },
            data::ExecuteWithdrawal {},
        )
    }

    /// Puts a delayed withdrawal back into the balance. Signer: `authority`.
    pub fn cancel_withdrawal(
        &self,
        authority: Pubkey,
        payer: Pubkey,
        shard: Pubkey,
        creator: u32,
        number: u32,
    ) -> Instruction {
        build(
            accounts::CancelWithdrawal {
                authority,
                platform: self.address,
                shard,
                withdrawal: withdrawal_address(&shard, creator, number),
                payer,
            },
            data::CancelWithdrawal {},
        )
    }

    /// Freezes or releases a delayed withdrawal. Signer: `guardian`.
    pub fn set_frozen(
        &self,
        guardian: Pubkey,
        shard: Pubkey,
        withdrawal: Pubkey,
        frozen: bool,
    ) -> Instruction {
        let accounts = accounts::Freeze { guardian, platform: self.address, shard, withdrawal };
        if frozen {
            build(accounts, data::FreezeWithdrawal {})
        } else {
            build(accounts, data::UnfreezeWithdrawal {})
        }
    }

    fn batch(&self, keeper: Pubkey, shard: Pubkey) -> accounts::KeeperBatch {
        accounts::KeeperBatch { keeper, platform: self.address, shard }
    }

    /// Settles packed entries as the shard's next batch. Signer: `keeper`.
    pub fn settle(
        &self,
        keeper: Pubkey,
        shard: Pubkey,
        sequence: u64,
        entries: Vec<u8>,
    ) -> Instruction {
        build(self.batch(keeper, shard), data::Settle { sequence, entries })
    }

    /// Reverses views as the shard's next batch. Signer: `keeper`.
    pub fn reverse_views(
        &self,
        keeper: Pubkey,
        shard: Pubkey,
        sequence: u64,
        entries: Vec<u8>,
    ) -> Instruction {
        build(self.batch(keeper, shard), data::ReverseViews { sequence, entries })
    }

    /// Sets a content's quality in basis points. Signer: `keeper`.
    pub fn set_quality(
        &self,
        keeper: Pubkey,
        shard: Pubkey,
        content: u32,
        quality: u16,
    ) -> Instruction {
        build(self.batch(keeper, shard), data::SetQuality { content, quality })
    }
}
