#include "proto/error_code.h"

#include <gtest/gtest.h>

#include <set>

namespace takt {
namespace {

TEST(ErrorCode, TableAscendsAndNamesAreUnique) {
  std::set<std::string_view> names;
  unsigned last = 0;
  for (const ErrorEntry& entry : error_table()) {
    EXPECT_GT(static_cast<unsigned>(entry.code), last);
    last = static_cast<unsigned>(entry.code);
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
  }
}

TEST(ErrorCode, EveryEntrySaysWhatItMeansAndWhatToDo) {
  for (const ErrorEntry& entry : error_table()) {
    EXPECT_EQ(entry.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos) << entry.name;
    EXPECT_TRUE(entry.meaning.ends_with('.')) << entry.name;
    EXPECT_TRUE(entry.remedy.ends_with('.')) << entry.name;
    EXPECT_EQ(entry.meaning.find('|'), std::string_view::npos) << entry.name;
    EXPECT_EQ(entry.remedy.find('|'), std::string_view::npos) << entry.name;
  }
}

TEST(ErrorCode, FindsEachCodeAndNoOther) {
  for (const ErrorEntry& entry : error_table()) EXPECT_EQ(find_error(entry.code)->name, entry.name);
  EXPECT_FALSE(find_error(ErrorCode{0}));
  EXPECT_FALSE(find_error(ErrorCode{1999}));
  EXPECT_FALSE(find_error(ErrorCode{65'535}));
}

TEST(ErrorCode, LabelsHaveNumberAndName) {
  EXPECT_EQ(error_label(ErrorCode::kTopicFull), "TK2003 topic_full");
  EXPECT_EQ(error_label(ErrorCode{1999}), "TK9999 unknown");
}

/// Numbers and names are in the field for ever: a new code is added here, none is ever changed.
TEST(ErrorCode, NumbersAndNamesNeverChange) {
  std::string seen;
  for (const ErrorEntry& entry : error_table()) seen += error_label(entry.code) + "\n";
  EXPECT_EQ(seen, R"(TK1001 malformed_frame
TK1002 unsupported_version
TK1003 unknown_type
TK1004 frame_count
TK1005 frame_too_large
TK1006 too_deep
TK1007 bad_field
TK1008 checksum_mismatch
TK1009 bad_name
TK1010 unsupported_field
TK1011 hello_required
TK1012 bad_section
TK2001 busy
TK2002 store_full
TK2003 topic_full
TK2004 too_many_topics
TK2005 too_many_groups
TK2006 in_flight_full
TK2007 too_many_connections
TK2008 draining
TK2009 message_too_large
TK2010 batch_too_large
TK2011 too_many_subscriptions
TK2012 too_many_producers
TK2013 too_many_schedules
TK3001 stale_lease
TK3002 unknown_session
TK3003 unknown_subscription
TK3004 unknown_topic
TK3005 unknown_group
TK3006 out_of_sequence
TK3007 producer_fenced
TK3008 unknown_partition
TK3009 session_expired
TK3010 already_exists
TK3011 subscription_in_use
TK3012 unknown_schedule
TK4001 store_failed
TK4002 unknown_outcome
TK4003 read_only
TK5001 timed_out
TK5002 not_connected
TK5003 closed
TK5004 bad_address
TK5005 bad_payload
TK5006 queue_full
TK5007 bad_option
TK5008 no_handler
)");
}

}  // namespace
}  // namespace takt
