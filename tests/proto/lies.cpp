#include "tests/proto/lies.h"

#include <initializer_list>
#include <iterator>
#include <utility>

#include "proto/section.h"

namespace takt::proto {
namespace {

using Bytes = std::vector<std::byte>;

constexpr int bin32 = 0xC6;
constexpr std::byte array_of_five{0x95};
constexpr std::byte array_of_six{0x96};
constexpr std::byte array_of_seven{0x97};

bool has_sections(const DecodedRequest& request) { return frame_count(type_of(request.body)) > 1; }

Bytes bytes_of(std::initializer_list<int> values) {
  Bytes bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

/// A msgpack binary that says it has `declared` bytes.
Bytes binary(const Bytes& bytes, std::uint32_t declared) {
  Bytes all = bytes_of({bin32, static_cast<int>(declared >> 24), static_cast<int>(declared >> 16 & 0xFF),
                        static_cast<int>(declared >> 8 & 0xFF), static_cast<int>(declared & 0xFF)});
  return joined({all, bytes});
}
Bytes binary(const Bytes& bytes) { return binary(bytes, static_cast<std::uint32_t>(bytes.size())); }

/// The envelope without sections, under another count of elements and with `tail` behind its body.
Bytes with_tail(const DecodedRequest& request, std::byte head, const Bytes& tail) {
  Bytes envelope = encode(request.body, request.correlation);
  envelope.front() = head;
  return joined({envelope, tail});
}

/// So that checksums and lengths are those of `sections`.
void sign(Publish& body, const Sections& sections) {
  body.metadata_checksum = section_checksum(sections.metadata);
  body.payload_checksum = section_checksum(sections.payload);
}
void sign(Complete& body, const Sections& sections) {
  FollowUp& whole = body.follow_ups.front();
  whole.metadata_length = static_cast<std::uint32_t>(sections.metadata.size());
  whole.payload_length = static_cast<std::uint32_t>(sections.payload.size());
  whole.metadata_checksum = section_checksum(sections.metadata);
  whole.payload_checksum = section_checksum(sections.payload);
}
void sign(PutSchedule& body, const Sections& sections) {
  body.metadata_checksum = section_checksum(sections.metadata);
  body.payload_checksum = section_checksum(sections.payload);
}
DecodedRequest signed_for(DecodedRequest request, const Sections& sections) {
  if (auto* publish = std::get_if<Publish>(&request.body)) sign(*publish, sections);
  if (auto* put = std::get_if<PutSchedule>(&request.body)) sign(*put, sections);
  if (auto* complete = std::get_if<Complete>(&request.body)) sign(*complete, sections);
  return request;
}

Sections sections_for(const DecodedRequest& request) {
  return std::holds_alternative<PutSchedule>(request.body) ? schedule_section_sample() : section_sample();
}

Frames in_frames(const DecodedRequest& request, const Sections& sections) {
  return {encode(request.body, request.correlation), sections.metadata, sections.payload};
}
Frames in_envelope(const DecodedRequest& request, const Sections& sections) {
  return {encode(request.body, request.correlation, SectionViews{sections.metadata, sections.payload})};
}

class Liar {
 public:
  explicit Liar(const DecodedRequest& request) : request_(request), name_(name_of(type_of(request.body))) {}

  std::vector<Lie> lies() {
    if (has_sections(request_)) {
      about_the_content();
      about_the_frames();
      about_the_envelope();
    } else {
      add("six elements, and no sections in this type", ErrorCode::kMalformedFrame, takt::proto::in_envelope(request_));
      add("three frames, and no sections in this type", ErrorCode::kFrameCount, in_frames(request_, sections_));
    }
    return std::move(lies_);
  }

 private:
  void add(const std::string& what, ErrorCode refusal, Frames frames) {
    lies_.push_back({name_ + ": " + what, refusal, std::move(frames)});
  }
  void in_both_forms(const std::string& what, ErrorCode refusal, const DecodedRequest& request, const Sections& sections) {
    add(what + ", in frames", refusal, in_frames(request, sections));
    add(what + ", in the envelope", refusal, in_envelope(request, sections));
  }

  void about_the_content() {
    for (Bytes Sections::* section : {&Sections::metadata, &Sections::payload}) {
      const std::string which = section == &Sections::metadata ? "metadata" : "payload";
      Sections changed = sections_;
      (changed.*section).back() ^= std::byte{1};
      in_both_forms("changed " + which, ErrorCode::kChecksumMismatch, request_, changed);
    }
    Sections out_of_order = sections_;
    const bool has_two = !std::holds_alternative<PutSchedule>(request_.body);
    out_of_order.metadata[has_two ? section_entry_bytes : 0] = std::byte(has_two ? 0 : 255);   // the last message's end
    in_both_forms("a table whose ends fall or lie outside", ErrorCode::kBadSection, signed_for(request_, out_of_order), out_of_order);
    Sections longer = sections_;
    longer.payload.push_back(std::byte{'x'});
    in_both_forms("payload behind the last message", ErrorCode::kBadSection, signed_for(request_, longer), longer);
    in_both_forms("no bytes at all", ErrorCode::kBadSection, signed_for(request_, {}), {});
  }

  void about_the_frames() {
    const Frames whole = in_frames(request_, sections_);
    add("no sections", ErrorCode::kFrameCount, {whole[0]});
    add("one section", ErrorCode::kFrameCount, {whole[0], whole[1]});
    add("three sections", ErrorCode::kFrameCount, {whole[0], whole[1], whole[2], whole[2]});
    add("sections in the envelope and in frames", ErrorCode::kFrameCount, {in_envelope(request_, sections_)[0], whole[1], whole[2]});
    add("sections in the envelope and one in a frame", ErrorCode::kFrameCount, {in_envelope(request_, sections_)[0], whole[1]});
  }

  void about_the_envelope() {
    const auto [metadata, payload] = sections_;
    const auto add_tail = [&](const std::string& what, std::byte head, const Bytes& tail) {
      add(what, ErrorCode::kMalformedFrame, {with_tail(request_, head, tail)});
    };
    const auto length = [](const Bytes& section, int more) { return static_cast<std::uint32_t>(static_cast<int>(section.size()) + more); };
    for (const int more : {1, -1, 1'000}) {
      const std::string wrong = " whose length is wrong by " + std::to_string(more);
      add_tail("a payload" + wrong, array_of_six, joined({binary(metadata), binary(payload, length(payload, more))}));
      add_tail("metadata" + wrong, array_of_six, joined({binary(metadata, length(metadata, more)), binary(payload)}));
    }
    add_tail("a payload of 2^32 bytes", array_of_six, joined({binary(metadata), binary(payload, 0xFFFFFFFF)}));
    add_tail("metadata of 2^32 bytes", array_of_six, joined({binary(metadata, 0xFFFFFFFF), binary(payload)}));
    const std::pair<std::string, Bytes> others[] = {
        {"nil", bytes_of({0xC0})},
        {"a boolean", bytes_of({0xC3})},
        {"a number", bytes_of({7})},
        {"text", bytes_of({0xA1, 'x'})},
        {"an array", bytes_of({0x90})},
        {"a map", bytes_of({0x80})},
        {"a float", bytes_of({0xCA, 0, 0, 0, 0})},
        {"an extension", bytes_of({0xD4, 1, 0})},
    };
    for (const auto& [type, bytes] : others) {
      add_tail("a payload that is " + type, array_of_six, joined({binary(metadata), bytes}));
      add_tail("metadata that is " + type, array_of_six, joined({bytes, binary(payload)}));
    }
    add_tail("five elements", array_of_five, binary(metadata));
    add_tail("seven elements", array_of_seven, joined({binary(metadata), binary(payload), binary(payload)}));
    add_tail("six elements, of which two are there", array_of_six, binary(metadata));
  }

  const DecodedRequest request_;
  const std::string name_;
  const Sections sections_ = sections_for(request_);
  std::vector<Lie> lies_;
};

}  // namespace

std::vector<DecodedRequest> requests_of_every_kind() {
  std::vector<DecodedRequest> all = request_samples();
  const auto move_to_first = [](auto& body) {
    if constexpr (requires { body.partition; }) body.partition = PartitionId(0);
  };
  for (DecodedRequest& request : all) std::visit(move_to_first, request.body);
  return all;
}

Frames in_frames(const DecodedRequest& request) {
  return has_sections(request) ? in_frames(request, sections_for(request)) : Frames{encode(request.body, request.correlation)};
}
Frames in_envelope(const DecodedRequest& request) { return in_envelope(request, sections_for(request)); }

std::vector<Lie> section_lies() {
  std::vector<Lie> all;
  for (const DecodedRequest& request : requests_of_every_kind()) {
    std::vector<Lie> some = Liar(request).lies();
    all.insert(all.end(), std::make_move_iterator(some.begin()), std::make_move_iterator(some.end()));
  }
  return all;
}

}  // namespace takt::proto
