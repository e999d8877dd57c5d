//! Pictures as people have them, and as nobody should.

use super::*;
use image::codecs::webp::WebPEncoder;
use image::{Rgb, Rgba, RgbaImage};

const RED: Rgb<u8> = Rgb([220, 20, 20]);
const BLUE: Rgb<u8> = Rgb([20, 20, 220]);

/// Red on the left, blue on the right.
fn halves(width: u32, height: u32) -> DynamicImage {
    RgbImage::from_fn(width, height, |x, _| if x < width / 2 { RED } else { BLUE }).into()
}

fn written(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).unwrap();
    file.into_inner()
}

fn sizes(files: &[File]) -> Vec<(u32, u32)> {
    files.iter().map(|file| (file.size.width, file.size.height)).collect()
}

fn shown(file: &File) -> RgbImage {
    image::load_from_memory_with_format(&file.content, ImageFormat::Jpeg).unwrap().to_rgb8()
}

/// JPEG is not exact.
fn like(one: Rgb<u8>, other: Rgb<u8>) -> bool {
    one.0.iter().zip(other.0).all(|(one, other)| one.abs_diff(other) < 24)
}

/// A JPEG file with this before everything else that it has: a segment of Exif.
fn with_exif(jpeg: &[u8], orientation: u16, secret: &[u8]) -> Vec<u8> {
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend(orientation.to_le_bytes());
    exif.extend([0; 6]);
    exif.extend(secret);
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn every_kind_becomes_jpeg_in_both_sizes_and_is_never_enlarged() {
    for (_, format) in KINDS {
        let files = convert(&written(&halves(3000, 2000), format), format).unwrap();
        assert_eq!(sizes(&files), [(480, 320), (1280, 853)], "{format:?}");
        for file in &files {
            let pixels = shown(file);
            assert_eq!(pixels.dimensions(), (file.size.width, file.size.height));
            let (left, right) = (pixels.get_pixel(2, 9), pixels.get_pixel(file.size.width - 3, 9));
            assert!(like(*left, RED) && like(*right, BLUE), "{format:?}: {left:?} {right:?}");
            assert!(file.content.len() <= limits::IMAGE_FILE_BYTES);
        }
    }
    for (width, height, expected) in [
        (10, 10, vec![(10, 10)]),
        (480, 200, vec![(480, 200)]),
        (600, 400, vec![(480, 320), (600, 400)]),
        (853, 1280, vec![(320, 480), (853, 1280)]),
        // One pixel less in height is none in width, and the same address.
        (121, 481, vec![(121, 481)]),
        (1, 1, vec![(1, 1)]),
    ] {
        let files = convert(&written(&halves(width, height), ImageFormat::Png), ImageFormat::Png).unwrap();
        assert_eq!(sizes(&files), expected, "{width} x {height}");
    }
    let sent = written(&halves(600, 400), ImageFormat::Png);
    let twice = [convert(&sent, ImageFormat::Png), convert(&sent, ImageFormat::Png)];
    assert_eq!(twice[0], twice[1], "the same picture has the same address");
}

#[test]
fn a_picture_stands_upright_and_says_nothing_of_where_it_was_taken() {
    let secret = b"6.9271N 79.8612E";
    let plain = written(&halves(600, 300), ImageFormat::Jpeg);
    // What the camera's left is: by Exif 6 it is turned clockwise, by 3 it is upside down.
    for (orientation, expected, red) in [(1, (600, 300), (9, 150)), (6, (300, 600), (150, 9)), (3, (600, 300), (590, 150))] {
        let sent = with_exif(&plain, orientation, secret);
        assert!(contains(&sent, secret));
        let files = convert(&sent, ImageFormat::Jpeg).unwrap();
        let largest = files.last().unwrap();
        assert_eq!((largest.size.width, largest.size.height), expected, "{orientation}");
        assert!(like(*shown(largest).get_pixel(red.0, red.1), RED), "{orientation}");
        for file in &files {
            assert!(!contains(&file.content, secret) && !contains(&file.content, b"Exif"), "{orientation}");
        }
    }
}

#[test]
fn a_photograph_of_24_megapixels_is_made_small_and_turned() {
    let sent = with_exif(&written(&halves(5712, 4284), ImageFormat::Jpeg), 6, b"");
    let files = convert(&sent, ImageFormat::Jpeg).unwrap();
    assert_eq!(sizes(&files), [(360, 480), (960, 1280)]);
    for file in &files {
        let pixels = shown(file);
        let (top, bottom) = (pixels.get_pixel(9, 2), pixels.get_pixel(9, file.size.height - 3));
        assert!(like(*top, RED) && like(*bottom, BLUE), "{top:?} {bottom:?}");
    }
    let grey = written(&DynamicImage::new_luma8(5000, 2000), ImageFormat::Jpeg);
    assert_eq!(sizes(&convert(&grey, ImageFormat::Jpeg).unwrap()), [(480, 192), (1280, 512)]);
    // Half of it is there.
    let refused = convert(&sent[..sent.len() / 2], ImageFormat::Jpeg);
    assert!(refused.is_err_and(|why| why.starts_with("cannot be read as image/jpeg")));
}

#[test]
fn what_is_transparent_is_shown_on_white() {
    let clear = |x| if x < 50 { Rgba([0, 0, 0, 0]) } else { Rgba([220, 20, 20, 255]) };
    let picture = RgbaImage::from_fn(100, 100, |x, _| clear(x));
    let mut webp = Vec::new();
    WebPEncoder::new_lossless(&mut webp).write_image(&picture, 100, 100, ExtendedColorType::Rgba8).unwrap();
    let picture = DynamicImage::from(picture);
    let deep = DynamicImage::from(picture.to_rgba16());
    let png = ImageFormat::Png;
    for (sent, format) in [(written(&picture, png), png), (written(&deep, png), png), (webp, ImageFormat::WebP)] {
        let pixels = shown(&convert(&sent, format).unwrap()[0]);
        assert!(like(*pixels.get_pixel(9, 50), Rgb([255, 255, 255])) && like(*pixels.get_pixel(90, 50), RED), "{format:?}");
    }
    let grey = DynamicImage::from(picture.to_luma_alpha8());
    assert!(like(*shown(&convert(&written(&grey, png), png).unwrap()[0]).get_pixel(9, 50), Rgb([255, 255, 255])));
}

fn pixels_of(file: &File) -> RgbaImage {
    image::load_from_memory_with_format(&file.content, ImageFormat::Png).unwrap().to_rgba8()
}

#[test]
fn a_logo_stays_transparent_and_has_no_rim() {
    // What nothing shows of is said to be green, and a program that minds it would mix it in.
    let sign = |size: u32| {
        RgbaImage::from_fn(size, size, move |x, _| if x * 2 < size { Rgba([0, 255, 0, 0]) } else { Rgba([220, 20, 20, 255]) })
    };
    let large = sign(1501);
    let mut webp = Vec::new();
    WebPEncoder::new_lossless(&mut webp).write_image(&large, 1501, 1501, ExtendedColorType::Rgba8).unwrap();
    let large = DynamicImage::from(large);
    let deep = DynamicImage::from(large.to_rgba16());
    let (png, small) = (ImageFormat::Png, DynamicImage::from(sign(100)));
    for (sent, format, side) in [
        (written(&large, png), png, 512),
        (written(&deep, png), png, 512),
        (webp, ImageFormat::WebP, 512),
        (written(&small, png), png, 100),
    ] {
        let files = logo(&sent, format).unwrap();
        assert_eq!(sizes(&files), [(side, side)]);
        let pixels = pixels_of(&files[0]);
        assert_eq!(pixels.get_pixel(2, 9).0, [0, 0, 0, 0], "what does not show is not passed on");
        assert_eq!(pixels.get_pixel(side - 3, 9).0, [220, 20, 20, 255]);
        for pixel in pixels.pixels().filter(|pixel| pixel.0[3] > 0) {
            assert!(like(Rgb([pixel.0[0], pixel.0[1], pixel.0[2]]), RED), "{pixel:?}");
        }
    }
    let half = DynamicImage::from(RgbaImage::from_pixel(40, 10, Rgba([200, 100, 50, 128])));
    let [red, green, blue, alpha] = pixels_of(&logo(&written(&half, png), png).unwrap()[0]).get_pixel(5, 5).0;
    assert!(alpha == 128 && like(Rgb([red, green, blue]), Rgb([200, 100, 50])), "{red} {green} {blue} {alpha}");
}

#[test]
fn a_logo_of_any_kind_becomes_one_png_without_what_else_it_carries() {
    for (_, format) in KINDS {
        let files = logo(&written(&halves(1200, 300), format), format).unwrap();
        assert_eq!(sizes(&files), [(512, 128)], "{format:?}");
        // Nothing is transparent, so nothing says so.
        assert!(image::load_from_memory_with_format(&files[0].content, ImageFormat::Png).unwrap().as_rgb8().is_some());
    }
    let secret = b"6.9271N 79.8612E";
    let sent = with_exif(&written(&halves(600, 300), ImageFormat::Jpeg), 6, secret);
    let files = logo(&sent, ImageFormat::Jpeg).unwrap();
    assert_eq!(sizes(&files), [(256, 512)], "turned as it says");
    assert!(!contains(&files[0].content, secret));
    let photograph = written(&halves(5712, 4284), ImageFormat::Jpeg);
    assert_eq!(sizes(&logo(&photograph, ImageFormat::Jpeg).unwrap()), [(512, 384)]);
    assert!(logo(&bomb(401, 100), ImageFormat::Jpeg).is_err_and(|why| why.contains("may be at most 4 times the other")));
}

#[test]
fn a_logo_of_much_detail_is_made_smaller() {
    let mut noise = noise();
    let picture = DynamicImage::from(RgbaImage::from_fn(512, 512, |_, _| Rgba([noise(), noise(), noise(), noise()])));
    let files = logo(&written(&picture, ImageFormat::Png), ImageFormat::Png).unwrap();
    assert_eq!(sizes(&files), [(256, 256)]);
    assert!(files[0].content.len() <= limits::IMAGE_FILE_BYTES);
}

/// Bytes that nothing is alike in.
fn noise() -> impl FnMut() -> u8 {
    let mut state = 1u32;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    }
}

/// A file that says that it is this large; nothing of that is true.
fn bomb(width: u16, height: u16) -> Vec<u8> {
    let mut jpeg = written(&halves(16, 16), ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    jpeg[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    jpeg
}

#[test]
fn what_is_no_picture_or_too_much_of_one_is_refused_before_it_is_decoded() {
    let (png, jpeg, webp) = (ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP);
    let small = written(&halves(40, 40), png);
    // So few bytes that they may be sent.
    let black = written(&DynamicImage::new_luma8(3700, 3700), png);
    assert!(black.len() < limits::IMAGE_BYTES);
    let mut moving = written(&halves(40, 40), webp);
    // A file of more than pixels, whose flags say that it moves.
    let frames = [b"VP8X\x0a\0\0\0\x02\0\0\0\x27\0\0\x27\0\0".as_slice(), b"ANIM\x06\0\0\0\0\0\0\0\0\0"].concat();
    moving.splice(12..12, frames);
    let length = u32::try_from(moving.len() - 8).unwrap().to_le_bytes();
    moving[4..8].copy_from_slice(&length);
    for (sent, format, why) in [
        (small.clone(), jpeg, "is not image/jpeg"),
        (small.clone(), webp, "is not image/webp"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(), png, "is not image/png"),
        (Vec::new(), png, "is not image/png"),
        (small[..small.len() / 2].to_vec(), png, "cannot be read as image/png"),
        (small[..20].to_vec(), png, "cannot be read as image/png"),
        (bomb(65_000, 65_000), jpeg, "has 65000 x 65000 pixels: at most 25000000 are taken"),
        (black, png, "has 3700 x 3700 pixels: at most 8500000 are taken"),
        (bomb(401, 100), jpeg, "may be at most 4 times the other"),
        (bomb(1, 5), jpeg, "may be at most 4 times the other"),
    ] {
        let refused = convert(&sent, format).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
    assert!(convert(&moving, webp).is_err());
}

#[test]
fn the_most_detailed_picture_is_small_enough_or_refused() {
    let mut noise = noise();
    let picture = DynamicImage::from(RgbImage::from_fn(1280, 1280, |_, _| Rgb([noise(), noise(), noise()])));
    match convert(&written(&picture, ImageFormat::Png), ImageFormat::Png) {
        Ok(files) => assert!(files.iter().all(|file| file.content.len() <= limits::IMAGE_FILE_BYTES)),
        Err(why) => assert!(why.contains("too much detail"), "{why}"),
    }
}

#[test]
fn fuzz_images() {
    let picture = halves(24, 16);
    let files = KINDS.map(|(_, format)| written(&picture, format));
    let turned = with_exif(&files[0], 6, b"");
    let good: Vec<&[u8]> = files.iter().chain([&turned]).map(|file| &**file).collect();
    fuzz::bytes(&good, |sent| {
        // A few bytes may honestly say that they are many pixels: those that are permitted take their time.
        let quick =
            |(width, height)| judge(width, height, limits::IMAGE_PHOTOGRAPH_PIXELS).is_err() || pixels(width, height) < 1_000_000;
        for (_, format) in KINDS {
            let size = image::ImageReader::with_format(Cursor::new(sent), format).into_dimensions();
            if size.map_or(true, quick)
                && let Ok(files) = convert(sent, format)
            {
                assert!((1..=limits::IMAGE_SIDES.len()).contains(&files.len()));
                assert_eq!(logo(sent, format).map(|files| files.len()), Ok(1));
            }
        }
        // As if it were large: of what is small nothing is left out.
        if image::ImageReader::with_format(Cursor::new(sent), ImageFormat::Jpeg).into_dimensions().map_or(true, quick)
            && let Ok((picture, _)) = photograph(sent)
        {
            assert!(pixels(picture.width(), picture.height()) > 0);
        }
    });
}
