//! How an action is sent to the program.

use anchor_spl::token_2022::spl_token_2022;
use pixr::state::shard::Capacities;
use pixr_client::{
    HeldPosition, NewRound, escrow_address, position_address, round_address, vault_address,
    withdrawal_address,
};
use pixr_tests::{
    model::{Action, Actor, Destination, PositionId, RequestId, RoundId, shard_bytes},
    tokens::DECIMALS,
    transactions::Failure,
};
use solana_address::Address;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::Harness;

impl Harness {
    /// Sends an action to the program, or turns the clock.
    pub(super) fn execute(&mut self, action: &Action) -> Result<(), Failure> {
        match action {
            Action::Wait { seconds } => {
                self.world.wait(*seconds);
                Ok(())
            }
            Action::OpenShard { by, capacities, surplus } => {
                self.execute_open_shard(*by, *capacities, *surplus)
            }
            other => self.send(&self.instruction(other)),
        }
    }

    /// Sends an instruction, signed by every actor whom it names as a signer.
    fn send(&mut self, instruction: &Instruction) -> Result<(), Failure> {
        let signs = |key: &Keypair| {
            let address = key.pubkey();
            instruction.accounts.iter().any(|meta| meta.is_signer && meta.pubkey == address)
        };
        let keys = self.actors.iter().map(|actor| actor.key.insecure_clone());
        let signers: Vec<_> = keys.filter(signs).collect();
        let signers: Vec<_> = signers.iter().collect();
        self.world.run(std::slice::from_ref(instruction), &signers).map(|_| ())
    }

    fn execute_open_shard(
        &mut self,
        by: Actor,
        capacities: Capacities,
        surplus: i64,
    ) -> Result<(), Failure> {
        let small = Capacities { creators: 1, contents: 1, lanes: 0 };
        let possible = shard_bytes(capacities) < 100_000;
        let needed = shard_bytes(if possible { capacities } else { small });
        let space = needed.saturating_add_signed(surplus);
        let rent = usize::try_from(space).expect("64 bits");
        let rent = self.world.svm.minimum_balance_for_rent_exemption(rent);
        let key = Keypair::new();
        let (payer, shard) = (self.world.keys.payer.pubkey(), key.pubkey());
        let open = [
            anchor_lang::solana_program::system_instruction::create_account(
                &payer,
                &shard,
                rent,
                space,
                &pixr::ID,
            ),
            self.world.platform.open_shard_only(payer, self.address(by), shard, capacities),
        ];
        let admin = self.actors[by].key.insecure_clone();
        self.shards.push(shard);
        self.world.run(&open, &[&admin, &key]).map(|_| ())
    }

    fn destination(&self, shard: usize, destination: Destination) -> Address {
        match destination {
            Destination::Wallet(actor) => self.actors[actor].tokens,
            Destination::Vault => vault_address(&self.shards[shard]),
        }
    }

    /// Who paid a pending request's rent; anybody when there is no such request.
    fn request_payer(&self, shard: usize, id: RequestId) -> Address {
        let pending = self.model.state.shards[shard].requests.get(&id);
        self.address(pending.map_or(0, |request| request.payer))
    }

    fn instruction(&self, action: &Action) -> Instruction {
        let platform = &self.world.platform;
        let actor = |actor: Actor| self.address(actor);
        let zero_or = |holder: Option<Actor>| holder.map_or(Address::default(), actor);
        let tokens = |actor: Actor| self.actors[actor].tokens;
        let at = |shard: usize| self.shards[shard];
        let rent_receiver = self.world.keys.payer.pubkey();
        match action {
            Action::Wait { .. } | Action::OpenShard { .. } => {
                unreachable!("not one instruction: {action:?}")
            }
            Action::UpdateSettings { by, settings } => {
                platform.update_settings(actor(*by), *settings)
            }
            Action::SetRole { by, role, holder } => {
                platform.set_role(actor(*by), *role, zero_or(*holder))
            }
            Action::ProposeAdmin { by, proposed } => {
                platform.propose_admin(actor(*by), zero_or(*proposed))
            }
            Action::AcceptAdmin { by } => platform.accept_admin(actor(*by)),
            Action::Pause { by } => platform.pause(actor(*by)),
            Action::Unpause { by } => platform.unpause(actor(*by)),
            Action::Fund { shard, by, amount } => {
                platform.fund_shard(actor(*by), tokens(*by), at(*shard), *amount)
            }
            Action::Donate { shard, by, amount } => spl_token_2022::instruction::transfer_checked(
                &platform.token_program,
                &tokens(*by),
                &platform.mint,
                &vault_address(&at(*shard)),
                &actor(*by),
                &[],
                *amount,
                DECIMALS,
            )
            .expect("a transfer"),
            Action::RegisterCreator { shard, by, authority } => platform.register_creator(
                actor(*by),
                at(*shard),
                rent_receiver,
                zero_or(*authority),
            ),
            Action::RegisterContent { shard, by, creator, id } => platform.register_content(
                actor(*by),
                at(*shard),
                rent_receiver,
                *creator,
                id.to_le_bytes(),
            ),
            Action::ProposeAuthority { shard, by, creator, proposed } => {
                platform.propose_authority(actor(*by), at(*shard), *creator, zero_or(*proposed))
            }
            Action::AcceptAuthority { shard, by, creator } => {
                let proposals = &self.model.state.shards[*shard].proposals;
                let proposer = proposals.get(creator).map_or(0, |proposal| proposal.by);
                platform.accept_authority(actor(*by), at(*shard), *creator, actor(proposer))
            }
            Action::CancelAuthority { shard, by, creator } => {
                platform.cancel_authority(actor(*by), at(*shard), *creator)
            }
            Action::Withdraw { shard, by, creator, amount, destination } => {
                let destination = self.destination(*shard, *destination);
                platform.withdraw(actor(*by), at(*shard), *creator, destination, *amount)
            }
            Action::Request { shard, by, payer, id, amount, destination } => platform
                .request_withdrawal(
                    actor(*by),
                    actor(*payer),
                    at(*shard),
                    id.creator,
                    id.number,
                    self.destination(*shard, *destination),
                    *amount,
                ),
            Action::Execute { shard, by, id, destination } => platform.execute_withdrawal(
                actor(*by),
                self.request_payer(*shard, *id),
                at(*shard),
                id.creator,
                id.number,
                tokens(*destination),
            ),
            Action::Cancel { shard, by, id } => platform.cancel_withdrawal(
                actor(*by),
                self.request_payer(*shard, *id),
                at(*shard),
                id.creator,
                id.number,
            ),
            Action::SetFrozen { shard, by, id, frozen } => {
                let withdrawal = withdrawal_address(&at(*shard), id.creator, id.number);
                platform.set_frozen(actor(*by), at(*shard), withdrawal, *frozen)
            }
            Action::Settle(batch) => {
                platform.settle(actor(batch.by), at(batch.shard), batch.sequence, batch.bytes())
            }
            Action::Reverse(batch) => platform.reverse_views(
                actor(batch.by),
                at(batch.shard),
                batch.sequence,
                batch.bytes(),
            ),
            Action::SetQuality { shard, by, content, quality } => {
                platform.set_quality(actor(*by), at(*shard), *content, *quality)
            }
            Action::Tip { shard, by, creator, amount, memo_bytes } => {
                let memo = "m".repeat(*memo_bytes);
                platform.tip(actor(*by), tokens(*by), at(*shard), *creator, *amount, memo)
            }
            Action::CollectFees { shard, treasury, processor } => {
                platform.collect_fees(at(*shard), tokens(*treasury), tokens(*processor))
            }
            _ => self.instruction_of_round(action),
        }
    }

    fn round(&self, shard: usize, id: RoundId) -> Address {
        round_address(&self.shards[shard], id.content, id.number)
    }

    fn held(&self, id: PositionId) -> HeldPosition {
        let round = self.round(id.shard, id.round);
        let known = self.model.state.shards[id.shard].rounds.get(&id.round);
        let position = known.and_then(|round| round.positions.get(&id.investor));
        HeldPosition {
            round,
            address: position_address(&round, &self.address(id.investor)),
            payer: self.address(position.map_or(0, |position| position.payer)),
        }
    }

    fn instruction_of_round(&self, action: &Action) -> Instruction {
        let platform = &self.world.platform;
        let at = |shard: usize| self.shards[shard];
        let actor = |actor: Actor| self.address(actor);
        let tokens = |actor: Actor| self.actors[actor].tokens;
        match action {
            Action::OpenRound { shard, by, payer, id, terms } => {
                let RoundId { content, number } = *id;
                let new = NewRound { shard: at(*shard), content, number, terms: *terms };
                platform.open_round(actor(*by), actor(*payer), new)
            }
            Action::Invest { shard, by, payer, id, amount } => {
                let round = self.round(*shard, *id);
                platform.invest(actor(*by), actor(*payer), tokens(*by), round, *amount)
            }
            Action::Stray { shard, by, id, amount } => {
                spl_token_2022::instruction::transfer_checked(
                    &platform.token_program,
                    &tokens(*by),
                    &platform.mint,
                    &escrow_address(&self.round(*shard, *id)),
                    &actor(*by),
                    &[],
                    *amount,
                    DECIMALS,
                )
                .expect("a transfer")
            }
            Action::CancelRound { shard, by, id } => {
                platform.cancel_round(actor(*by), at(*shard), self.round(*shard, *id))
            }
            Action::Refund { by, position, destination } => {
                platform.refund(actor(*by), self.held(*position), tokens(*destination))
            }
            Action::Deliver { shard, by, id, destination, quality } => platform.deliver(
                actor(*by),
                at(*shard),
                self.round(*shard, *id),
                self.destination(*shard, *destination),
                [7; 32],
                *quality,
            ),
            Action::Claim { by, position, destination } => {
                let (held, shard) = (self.held(*position), at(position.shard));
                platform.claim(actor(*by), shard, held, tokens(*destination))
            }
            Action::RetireLane { shard, id } => {
                platform.retire_lane(at(*shard), self.round(*shard, *id))
            }
            Action::CloseRound { shard, id, treasury } => {
                let known = self.model.state.shards[*shard].rounds.get(id);
                let opener = actor(known.map_or(0, |round| round.opener));
                let round = self.round(*shard, *id);
                platform.close_round(at(*shard), round, opener, tokens(*treasury))
            }
            Action::TransferPosition { by, position, to } => {
                let HeldPosition { round, address, .. } = self.held(*position);
                let to = to.map(actor).unwrap_or_default();
                platform.transfer_position(actor(*by), round, address, to)
            }
            Action::List { by, position, price } => {
                let HeldPosition { round, address, .. } = self.held(*position);
                platform.list(actor(*by), round, address, *price)
            }
            Action::Unlist { by, position } => {
                let HeldPosition { round, address, .. } = self.held(*position);
                platform.unlist(actor(*by), round, address)
            }
            Action::Buy { by, position, price_max, claimed_max, destination } => {
                let HeldPosition { round, address, .. } = self.held(*position);
                let (source, to) = (tokens(*by), tokens(*destination));
                platform.buy(actor(*by), source, round, address, to, *price_max, *claimed_max)
            }
            other => unreachable!("not about rounds: {other:?}"),
        }
    }
}
