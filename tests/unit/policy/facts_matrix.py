"""Who is told each fact, as data. Written from the market's rules, not from the code, and run against it.

A row names everybody whose receipt holds the fact; nobody else is told it. What the words stand for is written down
once, in tests/unit/node/test_facts_told.py:

everybody          the public receipt
account            owner and servicer of the account that the fact is about, together (their relationship)
account-before     with an account that is held jointly from now on, what its owner and servicer are to each other
instruction        the same, of the account of the instruction
earmark            the same, of the account of the earmark
redemption         the same, of the account that is to be paid out
both-accounts      the same, of the two accounts between which something moved; of terms, whoever of them may know the
                   clients that are named
accounts           the same, of every account that something moved in
issuer, registrar  of the instrument
sides              seller and buyer of the trade; of terms, whoever of them may know the clients that are named
venue              the operator of the market where the exchange signed the trade; of terms, where both clients stand
owner              whoever may use or release the earmark, where that is a party
party, sponsor …   the party in the field of that name; above: who admitted the party
signers            the addresses that the proposal names
address            the address itself; recoverers: whoever may replace its keys
key                the address of the key that a custodian used
members            of the consortium, each by itself, those who leave by the same action too
opener             who opened the batch
asker              the party that sent the message
placer             the authority that had placed the order
attester           the registrar that attested the person
verifier           the agent that verified the party
certified          of the certificate: its party and whoever runs its authority; everybody, where it is a node's
grantor, grantee, concerned   of the grant; those concerned unless it is an investigation
note-receiver      the account of the side that the note was written to
holders            the nodes that the next root is wrapped for
node               whose view key it is; tree-above: what that hangs under; view-granter: who had granted it
shown-node         the node, unless its key is granted for an investigation
"""

from __future__ import annotations

TOLD: dict[str, str] = {
    # The chain
    "UpgradeScheduled": "everybody",
    "UpgradeCancelled": "everybody",
    "RulesUpgraded": "everybody",
    # The consortium
    "MotionProposed": "members",
    "MotionApproved": "members",
    "ApprovalWithdrawn": "members party",
    "MotionCarried": "members",
    "MotionEnded": "members",
    "WeightSet": "members party",
    "DecisionRuleSet": "members",
    # Validators and feeds
    "ValidatorAdded": "everybody",
    "ValidatorRemoved": "everybody",
    "VotingPowerSet": "everybody",
    "ConsensusKeyRotated": "everybody",
    "ValidatorReadmitted": "everybody",
    "MisbehaviourRecorded": "everybody",
    "FeedDefined": "everybody",
    "FeedEnded": "everybody",
    "FeedValueRecorded": "everybody",
    "FeedValueRefused": "everybody",
    "ObservationEntered": "party",
    # Proposals
    "ProposalEntered": "signers",
    "ProposalApproved": "signers",
    "ProposalExecuted": "signers",
    "ProposalWithdrawn": "signers",
    "ProposalLapsed": "signers",
    # Parties
    "PartyApplied": "party sponsor",
    "PartyEnrolled": "party sponsor",
    "ApplicationEnded": "party sponsor",
    "PartyStatusChanged": "party above authority",
    "PartyAmended": "party above asker",
    "IdentityVerified": "party above agent",
    "FourEyesNamed": "party",
    "KeysInForce": "address",
    "RecoveryNamed": "address",
    "RecoveryApproved": "address recoverers",
    "RecoveryWithdrawn": "address recoverers",
    "MandateGranted": "party",
    "MandateRevoked": "party",
    # Markets
    "MarketOpened": "everybody",
    "MarketHandedOver": "everybody",
    "RulebookAmended": "everybody",
    "CalendarSet": "everybody",
    "DayOpened": "everybody",
    "DayClosed": "everybody",
    "AssetAccepted": "everybody",
    "AssetWithdrawn": "everybody",
    # Instruments
    "InstrumentAnnounced": "everybody",
    "TermsAmended": "everybody",
    "TermsInForce": "everybody",
    "InstrumentStatusChanged": "everybody",
    "RegistrarAppointed": "everybody",
    # Holdings
    "Posting": "account issuer",
    "EarmarkPlaced": "account issuer owner",
    "EarmarkReduced": "earmark issuer owner",
    "AccountOpened": "account servicer",
    "AccountAmended": "account account-before",
    "AccountHeldJointly": "account servicer",
    "AccountFrozen": "account authority",
    "AccountUnfrozen": "account authority placer",
    "AccountClosed": "account",
    "TransferredByOrder": "authority both-accounts issuer",
    # Issuance
    "IssueRegistered": "approvers issuer registrar",
    "AllotmentMade": "account issuer",
    "Allotted": "account",
    # Cash
    "Minted": "account issuer",
    "RedemptionRequested": "account issuer",
    "RedemptionPaid": "redemption issuer",
    "RedemptionRefused": "redemption issuer",
    "RedemptionLapsed": "redemption issuer",
    # Trades
    "TradeRecorded": "sides venue",
    "TradeConfirmed": "sides venue",
    "TradeAmended": "sides venue",
    "TradeCancelled": "sides venue",
    "TradeSettled": "sides venue",
    "TradeLapsed": "sides venue",
    # Settlement
    "InstructionAccepted": "account",
    "InstructionMatched": "instruction",
    "InstructionPending": "instruction",
    "InstructionAmended": "instruction",
    "InstructionSettled": "instruction",
    "InstructionCancelled": "instruction",
    "CancellationRequested": "instruction",
    "SettlementSignedOff": "instruction",
    "DeliverySettled": "both-accounts",
    "NotePassed": "note-receiver",
    "BatchOpened": "opener",
    "BatchLoaded": "opener",
    "BatchSettled": "opener accounts",
    "BatchCancelled": "opener",
    "BatchLapsed": "opener",
    # Grants and the logs of reads
    "ViewGranted": "grantor grantee concerned",
    "ViewRevoked": "grantor grantee concerned",
    "ViewLapsed": "grantor grantee concerned",
    "ReadLogRecorded": "party",
    # Roots, view keys and who may be handed them
    "HolderAdmitted": "everybody",
    "HolderRemoved": "everybody",
    "KeyEpochProposed": "asker holders",
    "KeyEpochBegins": "everybody",
    "ViewKeyRaised": "node tree-above",
    "ViewKeysChanged": "everybody",
    "OpeningKeyRecorded": "party",
    "ViewKeyGranted": "shown-node grantee by",
    "ViewGrantEnded": "shown-node grantee view-granter",
    # Custodians
    "TrailRecorded": "custodian",
    "KeyUsed": "key",
    # Real names
    "IdentityRegistrarAppointed": "everybody",
    "LicenceRecorded": "everybody",
    "LicenceWithdrawn": "agent authority",
    "PersonAttested": "attester",
    "IdentityAttested": "agent",
    "AttestationLapsed": "agent attester",
    "VerificationRecorded": "party above agent",
    "VerificationWithdrawn": "party above verifier authority",
    # Certificates
    "AuthorityNamed": "everybody",
    "AuthorityWithdrawn": "everybody",
    "CertificateRecorded": "certified",
    "CertificateRevoked": "certified",
}
