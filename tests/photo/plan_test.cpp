#include "examples/photo/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/photo/pictures.h"
#include "tests/support/temp_folder.h"

namespace photo {
namespace {

using takt::testing::TempFolder;
using testing::HasSubstr;

std::vector<std::filesystem::path> photos_of(std::size_t count) {
  std::vector<std::filesystem::path> photos;
  for (std::size_t i = 0; i < count; ++i) photos.emplace_back("/photos/" + std::to_string(i) + ".jpg");
  return photos;
}

/// What the job asks for, without its name.
std::string essence(const Job& job) {
  msgpack::sbuffer packed;
  std::visit(
      [&](auto one) {
        one.job.clear();
        msgpack::pack(packed, one);
      },
      job);
  return std::string(job_kind(job)) + std::string(packed.data(), packed.size());
}

TEST(Plan, SpreadsKindsAndPhotosEvenly) {
  std::map<std::string, int> by_kind;
  std::map<std::string, int> by_photo;
  for (const auto& job : plan_jobs(photos_of(15), 300, WorkSize::kFull)) {
    ++by_kind[std::string(job_kind(job))];
    ++by_photo[job_source(job)];
  }
  EXPECT_EQ(by_kind.size(), 4u);
  for (const auto& [kind, count] : by_kind) EXPECT_EQ(count, 75) << kind;
  EXPECT_EQ(by_photo.size(), 15u);
  for (const auto& [photo, count] : by_photo) EXPECT_EQ(count, 20) << photo;
}

TEST(Plan, HasNoTwoEqualJobsInTheDefaultRun) {
  std::set<std::string> essences;
  std::set<std::string> names;
  for (const auto& job : plan_jobs(photos_of(15), 300, WorkSize::kFull)) {
    essences.insert(essence(job));
    names.insert(job_name(job));
    EXPECT_TRUE(output_name(job_name(job)));
  }
  EXPECT_EQ(names.size(), 300u);
  EXPECT_EQ(essences.size(), 300u);
}

TEST(Plan, AsksOnlyForWhatThePhotoHolds) {
  for (const auto& job : plan_jobs(photos_of(1), 2000, WorkSize::kFull)) {
    if (const auto* crop = std::get_if<CropJob>(&job)) {
      EXPECT_LE(crop->left + crop->width, 1000);
      EXPECT_LE(crop->top + crop->height, 1000);
    }
  }
}

TEST(Plan, IsTheSameForEveryProducer) {
  const auto one = plan_jobs(photos_of(3), 50, WorkSize::kSmall);
  const auto two = plan_jobs(photos_of(3), 50, WorkSize::kSmall);
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(essence(one[i]), essence(two[i]));
    EXPECT_EQ(job_name(one[i]), job_name(two[i]));
  }
}

TEST(Plan, NamesJobsSafelyWhateverThePhotoIsCalled) {
  for (const auto* name : {"/p/a b\tc.jpg", "/p/\xC3\xA4\xFF.jpg", "/p/...jpg", "/p/-.jpg"}) {
    for (const auto& job : plan_jobs({name}, 4, WorkSize::kSmall)) EXPECT_TRUE(output_name(job_name(job))) << name;
  }
}

TEST(FindPhotos, TakesJpegsOnlyAndSorts) {
  const TempFolder folder;
  for (const auto* name : {"b.jpg", "a.JPEG", "c.png", "notes.txt"}) test::write_bytes(folder.path() / name, {1});
  std::filesystem::create_directory(folder.path() / "d.jpg");
  const auto photos = find_photos(folder.path());
  ASSERT_TRUE(photos);
  ASSERT_EQ(photos->size(), 2u);
  EXPECT_EQ((*photos)[0].filename(), "a.JPEG");
  EXPECT_EQ((*photos)[1].filename(), "b.jpg");
  EXPECT_TRUE((*photos)[0].is_absolute());
}

TEST(FindPhotos, SaysWhatIsWrongWithTheFolderAndWhatToDo) {
  const TempFolder folder;
  test::write_bytes(folder.path() / "file", {1});
  const auto text = [](const std::filesystem::path& path) { return find_photos(path).error().text; };
  EXPECT_THAT(text(folder.path() / "none"), HasSubstr("none does not exist: name a folder with photos by --photos"));
  EXPECT_THAT(text(folder.path() / "file"), HasSubstr("file is not a folder"));
  EXPECT_THAT(text(folder.path()), HasSubstr("holds no .jpg or .jpeg files"));
}

TEST(Jobs, TravelAsMapsWithFieldNames) {
  const BlurJob job{.job = "0001-blur-a", .source = "/p/a.jpg", .long_edge = 700, .sigma = 3.5};
  const auto packed = takt::pack_payload(job);
  const auto back = takt::unpack_payload<BlurJob>(std::as_bytes(std::span(packed.data(), packed.size())));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->job, job.job);
  EXPECT_EQ(back->sigma, 3.5);
  EXPECT_EQ(msgpack::unpack(packed.data(), packed.size()).get().type, msgpack::type::MAP);
}

TEST(Jobs, MakePicturesOfTheAskedSize) {
  const TempFolder folder;
  test::write_bytes(folder.path() / "a.jpg", test::jpeg_of(test::sample_picture({600, 400})));
  const std::string source = (folder.path() / "a.jpg").string();
  EXPECT_EQ(perform(ThumbnailJob{"t", source, 90})->size, (Size{90, 60}));
  EXPECT_EQ(perform(CropJob{"c", source, 0, 0, 500, 500, 120})->size, (Size{120, 80}));
  EXPECT_EQ(perform(SharpenJob{"s", source, 300, 1.0, 1.0})->size, (Size{300, 200}));
  EXPECT_EQ(perform(BlurJob{"b", source, 300, 2.0})->size, (Size{300, 200}));
}

TEST(Jobs, RefuseNumbersThatMakeNoSense) {
  EXPECT_THAT(perform(ThumbnailJob{"t", "a.jpg", 0}).error().text, HasSubstr("long_edge is 0"));
  EXPECT_THAT(perform(BlurJob{"b", "a.jpg", 100, -1.0}).error().text, HasSubstr("sigma is -1"));
  EXPECT_THAT(perform(SharpenJob{"s", "a.jpg", 100, 1.0, 1e9}).error().text, HasSubstr("amount is"));
  for (const auto* name : {"", "../etc/passwd", ".hidden", "a/b"}) EXPECT_FALSE(output_name(name)) << name;
}

}  // namespace
}  // namespace photo
