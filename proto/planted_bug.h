#pragma once
// Bugs that we plant to prove the tests: docs/planted-bugs.md is the list, scripts/plant-bugs wakes them one after the other.

#include <cstdint>

namespace takt {

/// In PLANTED_BUG an enumerator is called by its name in snake case: kRetryLost is retry_lost.
enum class PlantedBug : std::uint8_t {
  kAckBeforeSync,              ///< a sealed commit counts as durable when it is handed to the committer
  kAnsweredBeforeAppend,       ///< the committer tells of an append before it has begun
  kSyncSkipped,                ///< the store writes and does not sync
  kEffectBeforeCommit,         ///< answers and deliveries don't wait for the commit that they rest on
  kDeliveredBeforeDurable,     ///< messages can be handed out when their commit is sealed
  kFailedAppendNotReloaded,    ///< after an append that failed the shard goes on with its memory
  kLeaseGivenTwice,            ///< when a restart's grace ends, messages that were resumed are freed too
  kResumeOfGivenLease,         ///< a Resume gets back what another worker has by now
  kOlderLeaseResumed,          ///< a Resume gets back a message of which a later lease has ended meanwhile
  kReclaimUntold,              ///< that a restart's grace has ended is not in the log
  kHeldGraceSkipped,           ///< a logged lease does not wait for its worker after a restart
  kStaleAckAccepted,           ///< a slot that is used again takes acks under its old token
  kEpochNotRaised,             ///< a start after the first begins no new epoch
  kFloorPastOpen,              ///< an ack right behind the floor takes the floor over the open message between
  kSlabEdgeForgotten,          ///< an acked run that ends at a slab's end loses its last message
  kBatchStoredTwice,           ///< the last batch of a producer counts as new when it comes again
  kBatchRenumberedAfterBreak,  ///< a batch that was on its way when the connection broke gets a new sequence
  kFollowUpsApartFromAck,      ///< a commit may end between follow-ups and the ack of their parent
  kRetryLost,                  ///< a delayed retry comes due and the message stays parked
  kWaitEndUntold,              ///< a retry comes due and the log is not told
  kOldCommitKept,              ///< a commit takes more though the clock has left it behind
  kFiredEarly,                 ///< what is due within the next second fires
  kCancelledFires,             ///< a cancelled message stays armed
  kRearmForgotten,             ///< a checkpoint does not have what was rescheduled
  kOccurrenceAgain,            ///< a schedule does not remember up to where it has decided
  kSessionEndNotReturned,      ///< a lost session's messages stay leased
  kCreditNotReturned,          ///< a finished message keeps its place in the worker's window
  kUnansweredAcksDropped,      ///< acks that were not answered when the connection broke are not sent again
  kAckLostAtCheckpoint,        ///< what a group did while a checkpoint was written is not in the next one
  kIndexMergedIntoFrozen,      ///< a run that follows an index segment is merged into it though that was frozen
  kFrontFreedBeforeCheckpoint, ///< the log's front is scanned past the last checkpoint, and freed though the next one failed
  kCarriedMessageForgotten,    ///< of a stretch that is carried, the last message stays behind
  kSectionChecksumUnchecked,   ///< the checksums of metadata and payload are not compared
  kAnswerJoinedOverGap,        ///< publishes share an answer though they do not stand one behind the other
  kRunRefusedOnce,             ///< after an append that failed, of publishes that share an answer only the first hears of it
  kLineOvertaken,              ///< a command that comes while others wait for their turn is handled before them
  kLineLeftWaiting,            ///< a shard with commands that wait for their turn asks for none
  kEndOvertaken,               ///< a client's new session begins before the end of the one before was handled
  kSuccessorForgotten,         ///< of two new sessions of a client that wait for an older one's end, only the last begins
  kWalForgotten,               ///< a start does not look for commits in the write-ahead file
  kWalReleasedEarly,           ///< the write-ahead file's blocks are written over before the log has what they hold
  kTornAppendTaken,            ///< a start takes the first commits of an append of which others are missing
  kFailedWriteTaken,           ///< a write to the write-ahead file that failed counts as done
  kRowChecksumUnchecked,       ///< the checksums of the tables' rows are not compared
};

#ifdef TAKT_PLANTED_BUGS
/// Whether the bug is the one that the variable PLANTED_BUG names; "none" and no variable name none. Any other name ends
/// the process with the list. The name has no TAKT_ before it, because tests start programs without such variables.
/// Thread: any.
bool planted(PlantedBug bug);
#else
/// In every build but `planted` a site is nothing: it must vanish while it is compiled.
consteval bool planted(PlantedBug) { return false; }
#endif

}  // namespace takt
