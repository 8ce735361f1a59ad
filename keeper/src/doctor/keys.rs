//! Keys: whether they have the roles that they are kept for, and lamports for their work.

use diesel::{
    QueryableByName, sql_query,
    sql_types::{BigInt, Nullable},
};
use diesel_async::RunQueryDsl;

use super::{Checked, Finding, parts::Parts};
use crate::{
    chain::{Commitment, transactions::SIGNATURE_LAMPORTS},
    keys::Purpose,
    store::StoreError,
};

/// Batches that the keeper's lamports should last for.
const BATCHES_WARN: u64 = 10_000;
const BATCHES_FAIL: u64 = 100;

/// Whether each key of this keeper has its role.
pub async fn roles(parts: &Parts) -> Checked {
    let (keys, platform) = (parts.keys()?, parts.platform().await?);
    let keeper = keys.address(Purpose::Keeper);
    let mut findings = Vec::new();
    let mut others = Vec::new();
    if platform.keeper == keeper {
        findings.push(Finding::ok("keeper's key", format!("{keeper} is the platform's keeper")));
    } else {
        findings.push(Finding::fail(
            "keeper's key",
            format!("keys.keeper is {keeper}, but the platform's keeper is {}", platform.keeper),
            "give this keeper that key (KEEPER_PRIVATE_KEY) or the seed that it derives from, or \
             let the admin give the role to this one (`pixr platform set-role keeper`)",
        ));
    }
    let treasury = keys.address(Purpose::Treasury);
    if platform.treasury != treasury {
        findings.push(Finding::warn(
            "treasury's key",
            format!("keys.treasury is {treasury}, but the treasury is {}", platform.treasury),
            "`pixr fund` cannot pay from the treasury here: fund budgets where its key is",
        ));
    }
    for (purpose, name, holder) in [
        (Purpose::Admin, "admin", platform.admin),
        (Purpose::Guardian, "guardian", platform.guardian),
    ] {
        let here = if keys.address(purpose) == holder { "here" } else { "elsewhere" };
        others.push(format!("the {name}'s key is {here}"));
    }
    findings.push(Finding::ok("other keys", others.join(", ")));
    Ok(findings)
}

#[derive(QueryableByName)]
struct Fees {
    /// What a batch costs, on average; null before the first.
    #[diesel(sql_type = Nullable<BigInt>)]
    lamports: Option<i64>,
}

/// How long the keeper can pay for batches.
pub async fn lamports(parts: &Parts) -> Checked {
    let keeper = parts.keys()?.address(Purpose::Keeper);
    let chain = parts.chain()?;
    let account = chain.account_part(&keeper, 0, 0, Commitment::Finalized).await?;
    let lamports = account.map_or(0, |account| account.lamports);
    let kept = chain.rent_lamports(0).await?;
    // Before the first batch, or without a database, at the price of two signatures.
    let fee = last_fees(parts).await.ok().flatten().unwrap_or(2 * SIGNATURE_LAMPORTS);
    Ok(vec![judge(lamports, lamports.saturating_sub(kept) / fee.max(1), fee)])
}

/// What the last batches cost, in lamports each.
async fn last_fees(parts: &Parts) -> Result<Option<u64>, super::Trouble> {
    const FEES: &str = "
        SELECT avg(fee_lamports)::BIGINT AS lamports FROM (
            SELECT fee_lamports FROM transactions
            WHERE sequence IS NOT NULL AND outcome = 'finalized' AND fee_lamports IS NOT NULL
            ORDER BY signed_at DESC LIMIT 100
        ) AS last";

    let mut connection = parts.store()?.get().await.map_err(StoreError::from)?;
    let fees: Fees = sql_query(FEES).get_result(&mut connection).await?;
    Ok(fees.lamports.and_then(|lamports| u64::try_from(lamports).ok()))
}

fn judge(lamports: u64, batches: u64, fee: u64) -> Finding {
    let name = "keeper's lamports";
    let found =
        format!("{lamports} lamports pay for {batches} batches, at {fee} lamports for each");
    let advice = "send SOL to the keeper (`pixr keys show` has its address; `pixr airdrop` on test \
                  chains)";
    if batches < BATCHES_FAIL {
        Finding::fail(name, found, advice)
    } else if batches < BATCHES_WARN {
        Finding::warn(name, found, advice)
    } else {
        Finding::ok(name, found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn lamports_are_judged_by_the_batches_they_pay() {
        let severity = |batches| judge(1, batches, 5_000).severity;
        assert_eq!(severity(BATCHES_WARN), Severity::Ok);
        assert_eq!(severity(BATCHES_FAIL), Severity::Warn);
        assert_eq!(severity(BATCHES_FAIL - 1), Severity::Fail);
    }
}
