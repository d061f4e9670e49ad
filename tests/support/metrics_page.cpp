#include "tests/support/metrics_page.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <regex>
#include <set>
#include <sstream>

namespace takt::testing {
namespace {

struct Family {
  bool help = false;
  std::string type;
};

std::string name_in(const std::string& sample) { return sample.substr(0, sample.find('{')); }

/// The family that a sample belongs to: a histogram's samples carry suffixes.
std::string family_of(const std::string& name, const std::map<std::string, Family>& families) {
  if (families.contains(name)) return name;
  for (const std::string suffix : {"_bucket", "_sum", "_count"}) {
    if (!name.ends_with(suffix)) continue;
    const std::string stem = name.substr(0, name.size() - suffix.size());
    if (const auto at = families.find(stem); at != families.end() && at->second.type == "histogram") return stem;
  }
  return name;
}

class Reader {
 public:
  MetricsPage read(const std::string& text) {
    if (text.empty() || text.back() != '\n') fault("the last line has no end");
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
      if (line.starts_with("# HELP ")) {
        describe(line.substr(7), true);
      } else if (line.starts_with("# TYPE ")) {
        describe(line.substr(7), false);
      } else if (!line.empty() && line[0] != '#') {
        sample(line);
      }
    }
    for (const auto& [name, family] : families_) check_name(name, family);
    for (const auto& [name, family] : families_) {
      if (family.type == "histogram") check_histogram(name);
    }
    return std::move(page_);
  }

 private:
  void fault(std::string what) { page_.faults.push_back(std::move(what)); }

  void describe(const std::string& rest, bool help) {
    const std::string name = rest.substr(0, rest.find(' '));
    const std::string value = rest.size() > name.size() ? rest.substr(name.size() + 1) : "";
    Family& family = families_[name];
    if (sampled_.contains(name)) fault(name + ": described after its samples");
    if (help ? family.help : !family.type.empty()) fault(name + ": described twice");
    if (value.empty()) fault(name + ": described with nothing");
    if (help) family.help = true;
    if (!help) family.type = value;
  }

  void sample(const std::string& line) {
    static const std::regex shape(R"re(([a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\]|\\.)*",?)*\})?) ([^ ]+)( \d+)?)re");
    std::smatch parts;
    if (!std::regex_match(line, parts, shape)) return fault("no sample: " + line);
    const std::string key = parts[1];
    const std::string number = parts[5];
    char* end = nullptr;
    const double value = std::strtod(number.c_str(), &end);
    if (*end != '\0') fault(key + ": '" + number + "' is no number");
    if (!page_.samples.emplace(key, value).second) fault(key + ": twice");
    const std::string family = family_of(name_in(key), families_);
    sampled_.insert(family);
    const auto at = families_.find(family);
    if (at == families_.end() || !at->second.help || at->second.type.empty()) fault(key + ": no HELP and TYPE before it");
  }

  void check_name(const std::string& name, const Family& family) {
    if (!std::regex_match(name, std::regex("[a-z][a-z0-9_]*"))) fault(name + ": not lower case with underscores");
    if (family.type != "counter" && family.type != "gauge" && family.type != "histogram") fault(name + ": type '" + family.type + "'");
    if ((family.type == "counter") != name.ends_with("_total")) fault(name + ": counters, and only they, end in _total");
    for (const char* unit :
         {"_ms", "_millis", "_milliseconds", "_us", "_ns", "_kb", "_mb", "_kib", "_mib", "_percent", "_minutes", "_hours"}) {
      const std::string stem = family.type == "counter" && name.ends_with("_total") ? name.substr(0, name.size() - 6) : name;
      if (stem.ends_with(unit)) fault(name + ": not a base unit");
    }
    if (!sampled_.contains(name)) fault(name + ": no samples");
  }

  void check_histogram(const std::string& name) {
    const double infinite = page_.sum(name + "_bucket", {"le=\"+Inf\""});
    if (infinite != page_.sum(name + "_count")) fault(name + ": the bucket +Inf differs from the count");
    std::map<double, double> buckets;
    for (const auto& [key, value] : page_.samples) {
      const auto at = key.find("le=\"");
      if (name_in(key) != name + "_bucket" || at == std::string::npos) continue;
      buckets[std::strtod(key.c_str() + at + 4, nullptr)] += value;
    }
    double before = 0;
    for (const auto& [bound, count] : buckets) {
      if (count < before) fault(name + ": bucket " + std::to_string(bound) + " is below the one before it");
      before = count;
    }
  }

  MetricsPage page_;
  std::map<std::string, Family> families_;
  std::set<std::string> sampled_;
};

}  // namespace

double MetricsPage::sum(const std::string& name, const std::vector<std::string>& labels) const {
  double total = 0;
  for (const auto& [key, value] : samples) {
    const bool fits = std::ranges::all_of(labels, [&](const std::string& label) { return key.find(label) != std::string::npos; });
    if (name_in(key) == name && fits) total += value;
  }
  return total;
}

MetricsPage read_metrics(const std::string& text) { return Reader().read(text); }

}  // namespace takt::testing
