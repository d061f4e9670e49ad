#include "broker/runtime/logging.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace takt::runtime {
namespace {

TEST(Logging, TextQuotesWhatWouldBeMisread) {
  EXPECT_EQ(render_event(LogFormat::kText, "ready",
                         {{"listen", "tcp://127.0.0.1:1"}, {"count", std::uint64_t{3}}, {"reason", "no \"room\" left"}, {"empty", ""}}),
            R"(ready listen=tcp://127.0.0.1:1 count=3 reason="no \"room\" left" empty="")");
}

TEST(Logging, AForgedLineStaysOneLine) {
  EXPECT_EQ(render_event(LogFormat::kText, "hello", {{"name", "x\n2026 error forged"}}), R"(hello name="x\n2026 error forged")");
}

TEST(Logging, JsonIsValidWhateverTheBytes) {
  const std::string line =
      "{" +
      render_event(LogFormat::kJson, "hello",
                   {{"name", std::string("a\"b\\c\n\xff\x01", 8)}, {"n", std::uint64_t{18446744073709551615u}}, {"s", 0.25}}) +
      "}";
  const auto parsed = nlohmann::json::parse(line);
  EXPECT_EQ(parsed["event"], "hello");
  EXPECT_EQ(parsed["n"], 18446744073709551615u);
  EXPECT_EQ(parsed["s"], 0.25);
}

}  // namespace
}  // namespace takt::runtime
