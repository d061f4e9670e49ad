#include "cli/payload.h"

#include <gtest/gtest.h>

namespace takt::cli {
namespace {

std::vector<std::byte> bytes(std::initializer_list<unsigned> values) {
  std::vector<std::byte> out;
  for (const unsigned value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

std::span<const std::byte> view(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST(Payload, TurnsAJsonObjectIntoAMsgpackMap) {
  EXPECT_EQ(msgpack_from_json("--data", R"({"w":640})").value(), bytes({0x81, 0xA1, 'w', 0xCD, 0x02, 0x80}));
  EXPECT_EQ(msgpack_from_json("--data", "{}").value(), bytes({0x80}));
}

TEST(Payload, ShowsAMsgpackMapAsTheJsonThatItCameFrom) {
  const std::string json = R"({"path":"in/1.jpg","width":640,"tags":["a","b"],"deep":{"x":null,"y":1.5}})";
  const Rendered shown = render_payload(msgpack_from_json("--data", json).value());
  EXPECT_EQ(shown.form, Rendered::Form::kMsgpack);
  EXPECT_EQ(shown.value, Json::parse(json));
  EXPECT_EQ(payload_line(shown, 200), json);
}

TEST(Payload, RefusesWhatATypedHandlerCannotRead) {
  for (const char* text : {"[1]", "\"a\"", "1", "null", "{", "{\"a\":}", "", "{\"a\":1} x", "{\"a\":\"\xff\"}"}) {
    const auto packed = msgpack_from_json("--data", text);
    ASSERT_FALSE(packed) << text;
    EXPECT_EQ(packed.error().exit, ExitCode::kUsage);
    EXPECT_TRUE(packed.error().text.starts_with("error usage: --data is ")) << packed.error().text;
  }
}

TEST(Payload, RefusesJsonThatIsNestedTooDeep) {
  const std::string deep = "{\"a\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  const auto packed = msgpack_from_json("--data", deep);
  ASSERT_FALSE(packed);
  EXPECT_NE(packed.error().text.find("nested"), std::string::npos);
}

TEST(Payload, ShowsTextAsText) {
  EXPECT_EQ(render_payload(view("hello")).form, Rendered::Form::kText);
  EXPECT_EQ(render_payload(view("größe")).value, "größe");
  EXPECT_EQ(render_payload(view("7")).form, Rendered::Form::kText) << "one byte is a valid msgpack number too";
}

TEST(Payload, ShowsWhatIsNeitherAsHex) {
  const Rendered shown = render_payload(bytes({0xFF, 0x00, 0x1B}));
  EXPECT_EQ(shown.form, Rendered::Form::kHex);
  EXPECT_EQ(shown.value, "ff001b");
}

TEST(Payload, ShowsATruncatedMapAsHexAndAnEmptyPayloadAsEmpty) {
  EXPECT_EQ(render_payload(bytes({0x82, 0xA1, 'w', 0x01})).form, Rendered::Form::kHex);
  EXPECT_EQ(render_payload({}).form, Rendered::Form::kEmpty);
}

TEST(Payload, ShowsHostileNestingWithoutReadingIt) {
  std::vector<std::byte> nested;
  for (int i = 0; i < 500'000; ++i) {
    nested.push_back(std::byte{0x92});
    nested.push_back(std::byte{0x01});
  }
  nested.push_back(std::byte{0xC0});
  EXPECT_NE(render_payload(nested).form, Rendered::Form::kMsgpack);
}

TEST(Payload, SpellsOutBinaryInsideMsgpack) {
  const Rendered shown = render_payload(bytes({0x81, 0xA1, 'b', 0xC4, 0x02, 0xDE, 0xAD}));
  EXPECT_EQ(shown.value, Json::parse(R"({"b":{"hex":"dead"}})"));
}

TEST(Payload, CutsALongLineBetweenCharacters) {
  EXPECT_EQ(payload_line(render_payload(view("größe und mehr")), 5), "größ…");
  EXPECT_EQ(payload_line(render_payload(view("größe")), 5), "größe");
  EXPECT_EQ(payload_line(render_payload(view("a\nb")), 20), "a\\x0ab");
}

}  // namespace
}  // namespace takt::cli
