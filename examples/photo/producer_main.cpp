// photo_producer: plans the jobs of a folder of photos and enqueues its part of them.

#include <takt/client.h>
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <map>

#include "examples/photo/plan.h"
#include "examples/photo/run_folder.h"

namespace {

using namespace std::chrono_literals;

struct Options {
  std::string server = "tcp://127.0.0.1:7400";
  std::string topic = "photos";
  std::string name = "producer-1";
  std::string photos = "/usr/share/backgrounds";
  std::size_t jobs = 300;
  std::size_t part = 1;
  std::size_t parts = 1;
  bool small = false;
  std::string run;
};

void describe(CLI::App& app, Options& options) {
  app.add_option("--server", options.server, "Address of taktd")->capture_default_str();
  app.add_option("--topic", options.topic, "Topic of the jobs")->capture_default_str();
  app.add_option("--name", options.name, "Name of this producer")->capture_default_str();
  app.add_option("--photos", options.photos, "Folder with .jpg files")->capture_default_str();
  app.add_option("--jobs", options.jobs, "Jobs of the whole run")->capture_default_str()->check(CLI::Range(1, 1'000'000));
  app.add_option("--part", options.part, "Which producer this is: 1 to --parts")->capture_default_str()->check(CLI::Range(1, 64));
  app.add_option("--parts", options.parts, "How many producers share the jobs")->capture_default_str()->check(CLI::Range(1, 64));
  app.add_flag("--small", options.small, "Pictures of a third of the size: quick work for tests");
  app.add_option("--run", options.run, "Run folder: what the broker confirmed is written into its sent/");
}

/// Rounds of the four kinds go to the producers in turn, so that each of them sends every kind.
std::vector<photo::Job> my_part(const std::vector<photo::Job>& jobs, const Options& options) {
  constexpr std::size_t kinds = std::variant_size_v<photo::Job>;
  std::vector<photo::Job> mine;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (i / kinds % options.parts == options.part - 1) mine.push_back(jobs[i]);
  }
  return mine;
}

std::vector<takt::Result<takt::Receipt>> send_all(takt::Client& client, const std::vector<photo::Job>& jobs, const std::string& topic) {
  std::vector<msgpack::sbuffer> packed;
  std::vector<takt::RawMessage> messages;
  packed.reserve(jobs.size());
  for (const auto& job : jobs) {
    packed.push_back(std::visit([](const auto& one) { return takt::pack_payload(one); }, job));
    messages.push_back({photo::job_kind(job), std::as_bytes(std::span(packed.back().data(), packed.back().size()))});
  }
  return client.send_all_bytes(messages, {.topic = topic});
}

void print_sent(const Options& options, const std::vector<photo::Job>& jobs) {
  std::map<std::string, std::size_t> by_kind;
  for (const auto& job : jobs) ++by_kind[std::string(photo::job_kind(job))];
  std::cout << options.name << ": " << jobs.size() << " jobs are durable in topic " << options.topic << ":";
  for (const auto& [kind, count] : by_kind) std::cout << " " << count << " " << kind;
  std::cout << std::endl;
}

int complain(const std::string& text) {
  std::cerr << "photo_producer: " << text << std::endl;
  return 1;
}

int produce(const Options& options) {
  if (options.part > options.parts)
    return complain("--part " + std::to_string(options.part) + " of --parts " + std::to_string(options.parts) + ": choose 1 to --parts");
  const auto photos = photo::find_photos(options.photos);
  if (!photos) return complain(photos.error().text);
  const auto size = options.small ? photo::WorkSize::kSmall : photo::WorkSize::kFull;
  const auto jobs = my_part(photo::plan_jobs(*photos, options.jobs, size), options);

  auto client = takt::Client::open({.server = options.server, .name = options.name});
  if (!client) return complain(client.error().text());
  if (auto connected = client->wait_connected(10s); !connected) return complain(connected.error().text());
  std::vector<photo::SentLine> sent;
  const auto receipts = send_all(*client, jobs, options.topic);
  std::string first_error;
  for (std::size_t i = 0; i < receipts.size(); ++i) {
    if (receipts[i]) {
      sent.push_back({photo::job_name(jobs[i]), receipts[i]->id.text()});
    } else if (first_error.empty()) {
      first_error = "job " + photo::job_name(jobs[i]) + ": " + receipts[i].error().text();
    }
  }
  if (!options.run.empty()) {
    if (auto written = photo::write_sent({options.run}, options.name, sent); !written) return complain(written.error().text);
  }
  if (!first_error.empty())
    return complain(std::to_string(jobs.size() - sent.size()) + " of " + std::to_string(jobs.size()) + " jobs were not confirmed; first " +
                    first_error);
  print_sent(options, jobs);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Enqueues photo jobs: thumbnails, crops, sharpened and blurred pictures.", "photo_producer");
  Options options;
  describe(app, options);
  CLI11_PARSE(app, argc, argv);
  return produce(options);
}
