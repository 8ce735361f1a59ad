//! The straightforward program, set up and driven on the same SVM.

use anchor_lang::{InstructionData, ToAccountMetas, solana_program::system_program};
use litesvm::LiteSVM;
use pixr_baseline::{Entry, accounts, instruction};
use pixr_tests::{
    artifacts,
    transactions::{Version, send, sign, wire_bytes},
};
use solana_address::Address;
use solana_instruction::{AccountMeta, Instruction};
use solana_keypair::Keypair;
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;

/// The straightforward program with one pool and `pairs` of a content and a creator.
pub struct Baseline {
    pub svm: LiteSVM,
    keeper: Keypair,
    pool: Address,
    pairs: Vec<[Address; 2]>,
}

impl Baseline {
    pub fn new(mut svm: LiteSVM, pairs: u8) -> Self {
        svm.add_program(pixr_baseline::ID, &artifacts::program("pixr_baseline"))
            .expect("a program that loads");
        let (keeper, pool) = (Keypair::new(), Keypair::new());
        svm.airdrop(&keeper.pubkey(), 1 << 40).expect("lamports");
        let initialize = Instruction {
            program_id: pixr_baseline::ID,
            accounts: accounts::Initialize {
                keeper: keeper.pubkey(),
                pool: pool.pubkey(),
                system_program: system_program::ID,
            }
            .to_account_metas(None),
            data: instruction::Initialize { base_rate: 1_000_000, budget: 1 << 60 }.data(),
        };
        let transaction =
            sign(svm.latest_blockhash(), Version::V1, &[initialize], &keeper, &[&pool]);
        send(&mut svm, transaction).expect("a pool");
        let mut baseline = Self { svm, keeper, pool: pool.pubkey(), pairs: Vec::new() };
        for id in 0..pairs {
            baseline.register([id; 16]);
        }
        baseline
    }

    fn register(&mut self, id: [u8; 16]) {
        let derive = |seeds: &[&[u8]]| Address::find_program_address(seeds, &pixr_baseline::ID).0;
        let authority = Address::new_unique();
        let content = derive(&[b"content", &id]);
        let creator = derive(&[b"creator", authority.as_ref()]);
        let register = Instruction {
            program_id: pixr_baseline::ID,
            accounts: accounts::Register {
                payer: self.keeper.pubkey(),
                authority,
                creator,
                content,
                system_program: system_program::ID,
            }
            .to_account_metas(None),
            data: instruction::Register { id }.data(),
        };
        let transaction = self.sign(Version::V1, register);
        send(&mut self.svm, transaction).expect("a pair");
        self.pairs.push([content, creator]);
    }

    fn settlement(&self, credits: usize) -> Instruction {
        let mut metas = accounts::Settle { keeper: self.keeper.pubkey(), pool: self.pool }
            .to_account_metas(None);
        let pairs = self.pairs[..credits].iter().flatten();
        metas.extend(pairs.map(|address| AccountMeta::new(*address, false)));
        let sequence = self.next_sequence();
        let entries = vec![Entry { views: 3, relevance: 9_500 }; credits];
        Instruction {
            program_id: pixr_baseline::ID,
            accounts: metas,
            data: instruction::Settle { sequence, entries }.data(),
        }
    }

    fn sign(&self, version: Version, instruction: Instruction) -> VersionedTransaction {
        sign(self.svm.latest_blockhash(), version, &[instruction], &self.keeper, &[])
    }

    fn next_sequence(&self) -> u64 {
        let data = self.svm.get_account(&self.pool).expect("the pool").data;
        u64::from_le_bytes(data[8 + 48..8 + 56].try_into().expect("eight bytes"))
    }

    /// Compute units of a settlement of so many credits.
    pub fn settle(&mut self, credits: usize) -> u64 {
        let settle = self.settlement(credits);
        let transaction = self.sign(Version::V1, settle);
        send(&mut self.svm, transaction).expect("a settlement").compute_units_consumed
    }

    /// Most credits in one transaction: bytes and the 64 addresses that one can name.
    pub fn credits_per_transaction(&self, version: Version) -> usize {
        const ADDRESSES_MAX: usize = 64;
        (1..=self.pairs.len())
            .take_while(|credits| {
                let settle = self.settlement(*credits);
                let transaction = self.sign(version, settle);
                transaction.message.static_account_keys().len() <= ADDRESSES_MAX
                    && wire_bytes(&transaction) <= version.bytes_max()
            })
            .count()
    }
}
