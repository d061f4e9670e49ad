#include "scheduler/cron.h"

#include <gtest/gtest.h>

namespace takt::scheduler {
namespace {

using namespace std::chrono_literals;
using std::chrono::local_days;
using std::chrono::year;

Cron cron(std::string_view expression) {
  auto parsed = Cron::parse(expression);
  if (const auto* error = std::get_if<CronError>(&parsed)) throw std::runtime_error(error->text());
  return std::get<Cron>(std::move(parsed));
}
std::string refusal(std::string_view expression) {
  auto parsed = Cron::parse(expression);
  const auto* error = std::get_if<CronError>(&parsed);
  return error == nullptr ? "taken" : error->text();
}
LocalSecond on(int y, unsigned m, unsigned d, std::chrono::seconds time = 0s) {
  return local_days(year(y) / static_cast<int>(m) / static_cast<int>(d)) + time;
}
/// The first `count` from 2024-01-01 on, and that going back finds the same.
std::vector<LocalSecond> first(std::string_view expression, std::size_t count) {
  const Cron rule = cron(expression);
  std::vector<LocalSecond> found;
  for (LocalSecond from = on(2024, 1, 1); found.size() < count; from = found.back() + 1s) found.push_back(rule.next(from).value());
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_EQ(rule.prior(found[i]), found[i]);
    if (i > 0) {
      EXPECT_EQ(rule.prior(found[i] - 1s), found[i - 1]);
    }
  }
  return found;
}
using Times = std::vector<LocalSecond>;

TEST(Cron, FiveFieldsAreMinuteHourDayMonthWeekday) {
  EXPECT_EQ(first("30 2 * * *", 2), (Times{on(2024, 1, 1, 2h + 30min), on(2024, 1, 2, 2h + 30min)}));
  EXPECT_EQ(first("0 0 15 3 *", 2), (Times{on(2024, 3, 15), on(2025, 3, 15)}));
  EXPECT_EQ(first("0 12 * * 3", 2), (Times{on(2024, 1, 3, 12h), on(2024, 1, 10, 12h)}));
}

TEST(Cron, SixFieldsBeginWithSeconds) {
  EXPECT_EQ(first("*/20 59 23 31 12 *", 3),
            (Times{on(2024, 12, 31, 23h + 59min), on(2024, 12, 31, 23h + 59min + 20s), on(2024, 12, 31, 23h + 59min + 40s)}));
}

TEST(Cron, TakesListsRangesStepsAndNames) {
  EXPECT_EQ(first("0 8-18/5,23 * * *", 4), (Times{on(2024, 1, 1, 8h), on(2024, 1, 1, 13h), on(2024, 1, 1, 18h), on(2024, 1, 1, 23h)}));
  EXPECT_EQ(first("40/10 0 * * *", 3), (Times{on(2024, 1, 1, 40min), on(2024, 1, 1, 50min), on(2024, 1, 2, 40min)}));
  EXPECT_EQ(first("0 0 1 feb,Dec *", 2), (Times{on(2024, 2, 1), on(2024, 12, 1)}));
  EXPECT_EQ(first("0 0 * * fri-sun", 3), first("0 0 * * 5-7", 3));
  EXPECT_EQ(first("0 0 * * 0-0", 2), first("0 0 * * 0", 2));
}

TEST(Cron, SundayIsZeroOrSeven) {
  EXPECT_EQ(first("0 0 * * 0", 3), first("0 0 * * 7", 3));
  EXPECT_EQ(first("0 0 * * 0", 1), Times{on(2024, 1, 7)});
  EXPECT_EQ(first("0 0 ? * */2", 4), (Times{on(2024, 1, 2), on(2024, 1, 4), on(2024, 1, 6), on(2024, 1, 7)}));   // 0, 2, 4, 6
}

TEST(Cron, OneOfTwoKindsOfDaysIsEnoughUnlessOneBeginsWithAStar) {
  EXPECT_EQ(first("0 0 1 * 1", 3), (Times{on(2024, 1, 1), on(2024, 1, 8), on(2024, 1, 15)}));
  EXPECT_EQ(first("0 0 13 * 5", 3), (Times{on(2024, 1, 5), on(2024, 1, 12), on(2024, 1, 13)}));
  EXPECT_EQ(first("0 0 */2 * 1", 3), (Times{on(2024, 1, 1), on(2024, 1, 15), on(2024, 1, 29)}));
}

TEST(Cron, KnowsTheEndOfTheMonth) {
  EXPECT_EQ(first("0 0 L * *", 3), (Times{on(2024, 1, 31), on(2024, 2, 29), on(2024, 3, 31)}));
  EXPECT_EQ(first("0 0 L-2 * *", 2), (Times{on(2024, 1, 29), on(2024, 2, 27)}));
  EXPECT_EQ(first("0 0 LW * *", 3), (Times{on(2024, 1, 31), on(2024, 2, 29), on(2024, 3, 29)}));
  EXPECT_EQ(first("0 0 * * 5L", 2), (Times{on(2024, 1, 26), on(2024, 2, 23)}));
}

TEST(Cron, FindsTheNearestWeekdayWithinTheMonth) {
  EXPECT_EQ(first("0 0 15W * *", 3), (Times{on(2024, 1, 15), on(2024, 2, 15), on(2024, 3, 15)}));
  EXPECT_EQ(first("0 0 6W 1 *", 1), Times{on(2024, 1, 5)});    // a Saturday
  EXPECT_EQ(first("0 0 7W 1 *", 1), Times{on(2024, 1, 8)});    // a Sunday
  EXPECT_EQ(first("0 0 1W 6 *", 1), Times{on(2024, 6, 3)});    // a Saturday, and May is another month
  EXPECT_EQ(first("0 0 30W 6 *", 1), Times{on(2024, 6, 28)});  // a Sunday, and July is another month
  EXPECT_EQ(first("0 0 31W * *", 2), (Times{on(2024, 1, 31), on(2024, 3, 29)}));
}

TEST(Cron, CountsTheWeekdaysOfAMonth) {
  EXPECT_EQ(first("0 0 * * 5#3", 2), (Times{on(2024, 1, 19), on(2024, 2, 16)}));
  EXPECT_EQ(first("0 0 * * MON#5", 2), (Times{on(2024, 1, 29), on(2024, 4, 29)}));
}

TEST(Cron, FindsDatesThatComeSeldom) {
  EXPECT_EQ(cron("0 0 29 2 *").next(on(2096, 3, 1)), on(2104, 2, 29));
  EXPECT_EQ(cron("0 0 */29 2 0").next(on(2024, 3, 1)), on(2026, 2, 1));
}

TEST(Cron, MacrosAreWhatTheySay) {
  EXPECT_EQ(first("@hourly", 3), first("0 * * * *", 3));
  EXPECT_EQ(first("@daily", 3), first("@midnight", 3));
  EXPECT_EQ(first("@weekly", 2), first("0 0 * * 0", 2));
  EXPECT_EQ(first("@monthly", 2), first("0 0 1 * *", 2));
  EXPECT_EQ(first("@yearly", 2), first("@annually", 2));
}

TEST(Cron, IsAboutTheClockOnTheWallWhenItNamesHoursAndMinutes) {
  EXPECT_TRUE(cron("30 2 * * *").is_fixed_time());
  EXPECT_TRUE(cron("0,30 2-4 * * *").is_fixed_time());
  EXPECT_FALSE(cron("*/30 2 * * *").is_fixed_time());
  EXPECT_FALSE(cron("30 * * * *").is_fixed_time());
  EXPECT_FALSE(cron("@hourly").is_fixed_time());
}

TEST(Cron, RefusesWithTheFieldAndTheReason) {
  EXPECT_EQ(refusal("60 * * * *"), "minute: '60' is not within 0 to 59");
  EXPECT_EQ(refusal("* 24 * * *"), "hour: '24' is not within 0 to 23");
  EXPECT_EQ(refusal("* * 0 * *"), "day of month: '0' is not within 1 to 31");
  EXPECT_EQ(refusal("* * * 13 *"), "month: '13' is not within 1 to 12");
  EXPECT_EQ(refusal("* * * * 8"), "day of week: '8' is not within 0 to 7");
  EXPECT_EQ(refusal("* * * * FOO"), "day of week: 'FOO' is no number, nor a name such as MON");
  EXPECT_EQ(refusal("1,,2 * * * *"), "minute: a number is missing");
  EXPECT_EQ(refusal("-1 * * * *"), "minute: a number is missing");
  EXPECT_EQ(refusal("*/0 * * * *"), "minute: the step in '*/0' must be a number from 1 to 59");
  EXPECT_EQ(refusal("*/x * * * *"), "minute: the step in '*/X' must be a number from 1 to 59");
  EXPECT_EQ(refusal("* 22-2 * * *"), "hour: '22-2' runs backwards: write two ranges, such as 22-23,0-2");
  EXPECT_EQ(refusal("? * * * *"), "minute: '?' is no number");
  EXPECT_EQ(refusal("* * ?,1 * *"), "day of month: '?' stands alone");
  EXPECT_EQ(refusal("* * L-31 * *"), "day of month: '31' is not within 0 to 30");
  EXPECT_EQ(refusal("* * * * L"), "day of week: 'L' needs a day: 5L is the month's last Friday");
  EXPECT_EQ(refusal("* * * * 1#6"), "day of week: '6' is not within 1 to 5");
  EXPECT_EQ(refusal("0 0 30 2 *"), "no date fits it: look at the day of month and the month");
  EXPECT_EQ(refusal("* * * *"),
            "4 fields, where 5 are wanted (minute, hour, day of month, month, day of week), or 6 with seconds in front");
  EXPECT_EQ(refusal(""), "0 fields, where 5 are wanted (minute, hour, day of month, month, day of week), or 6 with seconds in front");
  EXPECT_EQ(refusal("@often"), "'@OFTEN' is not known: there are @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually");
  EXPECT_EQ(refusal(std::string(1001, '*')), "longer than 1000 bytes");
  EXPECT_EQ(refusal("99999999999 * * * *"), "minute: '99999999999' is no number");
}

TEST(Cron, SaysInPlainEnglishWhenItComes) {
  EXPECT_EQ(cron("30 2 * * MON-FRI").description(), "at 02:30 on Monday to Friday");
  EXPECT_EQ(cron("0 9,17 * * *").description(), "at 09:00 and 17:00");
  EXPECT_EQ(cron("*/15 * * * *").description(), "every 15 minutes");
  EXPECT_EQ(cron("* * * * *").description(), "every minute");
  EXPECT_EQ(cron("5 * * * *").description(), "at minute 5");
  EXPECT_EQ(cron("*/10 * * * * *").description(), "every 10 seconds");
  EXPECT_EQ(cron("15,45 */2 * * *").description(), "at minute 15 and 45 of every 2 hours");
  EXPECT_EQ(cron("0 0 L * *").description(), "at 00:00 on the last day of the month");
  EXPECT_EQ(cron("0 0 1,15 1-3,7 *").description(), "at 00:00 on day 1 and 15 of the month in January to March and July");
  EXPECT_EQ(cron("0 0 13 * 5").description(), "at 00:00 on day 13 of the month or on Friday");
  EXPECT_EQ(cron("0 0 */2 * 1#1").description(),
            "at 00:00 on day 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29 and 31 of the month if it is on the first Monday");
  EXPECT_EQ(cron("0 0 * * SAT,SUN").description(), "at 00:00 on Saturday and Sunday");
}

}  // namespace
}  // namespace takt::scheduler
