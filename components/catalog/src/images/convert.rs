//! A picture as somebody sends it, made into the files that everybody gets: pure.
//!
//! What it is, and how large, is read from its first bytes and judged before anything is decoded, so that a small file that says it is huge costs nothing.
//! The files are made of its pixels alone: where and with what it was taken, and whatever else a file may carry, is not in them.

use std::io::Cursor;

use image::codecs::jpeg::{JpegDecoder, JpegEncoder};
use image::codecs::png::{self, CompressionType, PngDecoder, PngEncoder};
use image::codecs::webp::WebPDecoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{
    DynamicImage, ExtendedColorType, GrayImage, ImageDecoder, ImageEncoder as _, ImageError, ImageFormat, Limits, RgbImage,
};
use jpeg_decoder::PixelFormat;
use read_model::ImageSize;

use crate::limits;

/// What may be sent, by its media type.
pub const KINDS: [(&str, ImageFormat); 3] =
    [("image/jpeg", ImageFormat::Jpeg), ("image/png", ImageFormat::Png), ("image/webp", ImageFormat::WebP)];

/// What the files of a picture are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Jpeg,
    /// With what is transparent.
    Png,
}

impl Format {
    /// As it stands in SQL, and at the end of an address.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        [Self::Jpeg, Self::Png].into_iter().find(|format| format.name() == name)
    }

    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }
}

/// A file of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub size: ImageSize,
    pub content: Vec<u8>,
}

/// The files of a picture, JPEG, the largest last: never larger than it is.
///
/// # Errors
/// Why it is not taken, for who sent it.
pub fn convert(sent: &[u8], format: ImageFormat) -> Result<Vec<File>, String> {
    let (picture, mut orientation) = read(sent, format)?;
    let mut files: Vec<File> = Vec::with_capacity(limits::IMAGE_SIDES.len());
    // The smaller one is made of the larger one: most of the pixels are read once.
    let mut source = over_white(picture);
    for side in limits::IMAGE_SIDES.into_iter().rev() {
        let (width, height) = fitted(source.width(), source.height(), side);
        // It is no smaller, or by so little that it has the same address.
        if files.last().is_some_and(|larger| larger.size.width == width) {
            continue;
        }
        source = reduced(&source, width, height);
        // When it is small already, and once.
        source.apply_orientation(orientation);
        orientation = Orientation::NoTransforms;
        let pixels = source.to_rgb8();
        let content = encoded(&pixels)?;
        files.push(File { size: ImageSize { width: pixels.width(), height: pixels.height() }, content });
        source = DynamicImage::ImageRgb8(pixels);
    }
    files.reverse();
    Ok(files)
}

/// The one file of a logo, PNG, which is as transparent as what was sent: never larger than that.
///
/// # Errors
/// As [`convert`].
pub fn logo(sent: &[u8], format: ImageFormat) -> Result<Vec<File>, String> {
    let (picture, orientation) = read(sent, format)?;
    let source = weighed(picture);
    for side in limits::LOGO_SIDES {
        let (width, height) = fitted(source.width(), source.height(), side);
        let mut small = reduced(&source, width, height);
        small.apply_orientation(orientation);
        let content = lossless(&small).map_err(|error| format!("cannot be written as PNG: {error}"))?;
        if content.len() <= limits::IMAGE_FILE_BYTES {
            return Ok(vec![File { size: ImageSize { width: small.width(), height: small.height() }, content }]);
        }
    }
    // Four bytes for each pixel of the last size are fewer.
    Err("has too much detail to be made small enough: send it smaller".to_owned())
}

/// The pixels of what was sent, and how they are to be turned.
fn read(sent: &[u8], format: ImageFormat) -> Result<(DynamicImage, Orientation), String> {
    let name = KINDS.iter().find(|(_, known)| *known == format).map_or("a picture", |(name, _)| *name);
    if image::guess_format(sent).ok() != Some(format) {
        return Err(format!("is not {name}, which its Content-Type says it is"));
    }
    let broken = |error: ImageError| format!("cannot be read as {name}: {error}");
    match format {
        ImageFormat::Jpeg => {
            let decoder = JpegDecoder::new(Cursor::new(sent)).map_err(broken)?;
            let (width, height) = decoder.dimensions();
            if pixels(width, height) > limits::IMAGE_PIXELS { photograph(sent) } else { decode(decoder, broken) }
        }
        ImageFormat::Png => decode(PngDecoder::with_limits(Cursor::new(sent), memory()).map_err(broken)?, broken),
        ImageFormat::WebP => {
            let decoder = WebPDecoder::new(Cursor::new(sent)).map_err(broken)?;
            if decoder.has_animation() {
                return Err("moves: send a picture that stands still".to_owned());
            }
            decode(decoder, broken)
        }
        _ => Err(format!("is not {name}")),
    }
}

/// Bytes that a decoder may take for what a file carries beside its pixels.
fn memory() -> Limits {
    let mut memory = Limits::no_limits();
    memory.max_alloc = Some(limits::IMAGE_EXTRA_BYTES);
    memory
}

/// The pixels, and how they are to be turned.
fn decode(mut decoder: impl ImageDecoder, broken: impl Fn(ImageError) -> String) -> Result<(DynamicImage, Orientation), String> {
    let (width, height) = decoder.dimensions();
    judge(width, height, limits::IMAGE_PIXELS)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((DynamicImage::from_decoder(decoder).map_err(&broken)?, orientation))
}

/// As [`decode`], of a JPEG with more pixels than there is memory for: its decoder leaves out what is too fine of each block of 8 x 8, so that what it makes has
/// a half, a quarter or an eighth of the width and height, and still more than the largest file.
fn photograph(sent: &[u8]) -> Result<(DynamicImage, Orientation), String> {
    let broken = |error: jpeg_decoder::Error| format!("cannot be read as image/jpeg: {error}");
    let mut decoder = jpeg_decoder::Decoder::new(sent);
    decoder.read_info().map_err(broken)?;
    let Some(found) = decoder.info() else {
        return Err("cannot be read as image/jpeg: it does not say how large it is".to_owned());
    };
    judge(found.width.into(), found.height.into(), limits::IMAGE_PHOTOGRAPH_PIXELS)?;
    let largest = limits::IMAGE_SIDES.into_iter().max().unwrap_or_default();
    let (width, height) = fitted(found.width.into(), found.height.into(), largest);
    let fits = |length: u32| u16::try_from(length).unwrap_or(u16::MAX);
    let (width, height) = decoder.scale(fits(width), fits(height)).map_err(broken)?;
    let pixels = decoder.decode().map_err(broken)?;
    let (width, height) = (width.into(), height.into());
    let picture = match found.pixel_format {
        PixelFormat::RGB24 => RgbImage::from_raw(width, height, pixels).map(DynamicImage::from),
        PixelFormat::L8 => GrayImage::from_raw(width, height, pixels).map(DynamicImage::from),
        // What presses and laboratories have.
        PixelFormat::L16 | PixelFormat::CMYK32 => None,
    };
    let Some(picture) = picture else {
        return Err("is neither in RGB nor grey of eight bits: save it so, or smaller".to_owned());
    };
    let orientation = decoder.exif_data().and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms);
    Ok((picture, orientation))
}

fn pixels(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height)
}

/// Whether a picture of this size is taken, where so many pixels are.
fn judge(width: u32, height: u32, most: u64) -> Result<(), String> {
    let (long, short) = (u64::from(width.max(height)), u64::from(width.min(height)));
    if pixels(width, height) > most {
        return Err(format!("has {width} x {height} pixels: at most {most} are taken"));
    }
    if short == 0 || long > short * limits::IMAGE_OBLONG {
        return Err(format!("has {width} x {height} pixels: one side may be at most {} times the other", limits::IMAGE_OBLONG));
    }
    Ok(())
}

/// The size of a picture whose longer side is at most this, and that is no larger than it was.
fn fitted(width: u32, height: u32, side: u32) -> (u32, u32) {
    let long = width.max(height);
    if long <= side {
        return (width, height);
    }
    let scaled = |length: u32| {
        let rounded = (u64::from(length) * u64::from(side) + u64::from(long) / 2) / u64::from(long).max(1);
        u32::try_from(rounded).unwrap_or(side).max(1)
    };
    (scaled(width), scaled(height))
}

/// The picture in this size, which is no larger than its own.
fn reduced(picture: &DynamicImage, width: u32, height: u32) -> DynamicImage {
    if (picture.width(), picture.height()) == (width, height) {
        return picture.clone();
    }
    // Of a much larger one whole blocks are averaged, which takes a part of the time that a filter would, and looks as good.
    if picture.width() / limits::IMAGE_BLOCKS_FROM >= width && picture.height() / limits::IMAGE_BLOCKS_FROM >= height {
        return picture.thumbnail_exact(width, height);
    }
    picture.resize_exact(width, height, FilterType::Triangle)
}

/// What a picture that lets something through is put on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ground {
    /// It is opaque then, as JPEG is.
    White,
    /// It lets through what it did, and its colours count as much as they show.
    Black,
}

/// The picture on white, where it lets something through.
fn over_white(picture: DynamicImage) -> DynamicImage {
    over(picture, Ground::White)
}

/// The picture with its colours weighed by what they show (premultiplied), so that the mean of some pixels has nothing of the colour that a transparent one is
/// said to have. [`lossless`] takes it back.
fn weighed(picture: DynamicImage) -> DynamicImage {
    over(picture, Ground::Black)
}

fn over(mut picture: DynamicImage, ground: Ground) -> DynamicImage {
    match &mut picture {
        DynamicImage::ImageLumaA8(pixels) => blend(pixels, 2, u8::MAX.into(), ground),
        DynamicImage::ImageRgba8(pixels) => blend(pixels, 4, u8::MAX.into(), ground),
        DynamicImage::ImageLumaA16(pixels) => blend(pixels, 2, u16::MAX.into(), ground),
        DynamicImage::ImageRgba16(pixels) => blend(pixels, 4, u16::MAX.into(), ground),
        _ => {}
    }
    picture
}

/// Mixes each pixel's colours with the ground's, as its last sample, of `most`, says.
fn blend<S: Copy + Into<u32> + TryFrom<u32>>(samples: &mut [S], channels: usize, most: u32, ground: Ground) {
    let Ok(opaque) = S::try_from(most) else { return };
    let white = if ground == Ground::White { most } else { 0 };
    for pixel in samples.chunks_exact_mut(channels) {
        let Some((alpha, colours)) = pixel.split_last_mut() else { return };
        let weight: u32 = (*alpha).into();
        if weight == most {
            continue;
        }
        for colour in colours {
            // Of 16 bits it fits just so: it is at most `most` squared.
            let own: u32 = (*colour).into();
            let mixed = (own * weight + white * (most - weight)) / most;
            *colour = S::try_from(mixed).unwrap_or(opaque);
        }
        if ground == Ground::White {
            *alpha = opaque;
        }
    }
}

/// The file, at the best quality with which it is not too large.
fn encoded(pixels: &RgbImage) -> Result<Vec<u8>, String> {
    for quality in limits::IMAGE_QUALITIES {
        let mut file = Vec::new();
        JpegEncoder::new_with_quality(&mut file, quality)
            .encode(pixels, pixels.width(), pixels.height(), ExtendedColorType::Rgb8)
            .map_err(|error| format!("cannot be written as JPEG: {error}"))?;
        if file.len() <= limits::IMAGE_FILE_BYTES {
            return Ok(file);
        }
    }
    Err("has too much detail to be made small enough: send it softer, or smaller".to_owned())
}

/// A picture of weighed colours as PNG, with these as they were. One that hides nothing is written without what it would say of that.
fn lossless(picture: &DynamicImage) -> Result<Vec<u8>, ImageError> {
    let mut pixels = picture.to_rgba8();
    for pixel in pixels.pixels_mut() {
        let [colours @ .., alpha] = &mut pixel.0;
        let (weight, most) = (u32::from(*alpha), u32::from(u8::MAX));
        for colour in colours {
            let own = (u32::from(*colour) * most + weight / 2).checked_div(weight).unwrap_or_default();
            *colour = u8::try_from(own).unwrap_or(u8::MAX);
        }
    }
    let (width, height) = pixels.dimensions();
    let mut file = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut file, CompressionType::Best, png::FilterType::Adaptive);
    if pixels.pixels().all(|pixel| pixel.0.last() == Some(&u8::MAX)) {
        let opaque = DynamicImage::from(pixels).to_rgb8();
        encoder.write_image(&opaque, width, height, ExtendedColorType::Rgb8)?;
    } else {
        encoder.write_image(&pixels, width, height, ExtendedColorType::Rgba8)?;
    }
    Ok(file)
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
