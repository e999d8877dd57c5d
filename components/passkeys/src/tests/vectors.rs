//! Examples of Web Authentication, Level 3, §16 "Test Vectors" (<https://www.w3.org/TR/webauthn-3/#sctn-test-vectors>), whose relying party is
//! `example.org`. Not all of them verify a user, which is required here: of those the signatures alone are held against the keys.

use crate::{Authentication, Error, Registration, RelyingParty, authentication::Passkey, json::encoded, public_key::PublicKey};
use serde_json::json;
use sha2::{Digest, Sha256};

/// A registration, in hex.
struct Registered {
    challenge: &'static str,
    client_data: &'static str,
    attestation_object: &'static str,
    error: Option<Error>,
}

/// A login, in hex, and the key of its credential.
struct LoggedIn {
    challenge: &'static str,
    authenticator_data: &'static str,
    client_data: &'static str,
    signature: &'static str,
    public_key: &'static str,
    backup_eligible: bool,
    error: Option<Error>,
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn text(hex: &str) -> String {
    encoded(&bytes(hex))
}

fn party() -> RelyingParty {
    RelyingParty::of("https://example.org").unwrap()
}

#[test]
fn registrations_are_as_the_specification_says() {
    for Registered { challenge, client_data, attestation_object, error } in REGISTERED {
        let object = bytes(attestation_object);
        // Authenticator data comes last, and in it the id of 32 bytes before the key of 77.
        let id = encoded(&object[object.len() - 77 - 32..object.len() - 77]);
        let response = json!({"clientDataJSON": text(client_data), "attestationObject": text(attestation_object)});
        let sent = json!({"id": id, "rawId": id, "type": "public-key", "response": response});
        let registration = Registration::parse(&sent.to_string()).unwrap();
        assert_eq!(registration.challenge(), text(challenge));
        let passkey = registration.verify(&party(), &text(challenge));
        match error {
            Some(error) => assert_eq!(passkey, Err(error)),
            None => assert_eq!(passkey.unwrap().public_key, encoded(&object[object.len() - 77..])),
        }
    }
}

#[test]
fn logins_are_as_the_specification_says() {
    for LoggedIn { challenge, authenticator_data, client_data, signature, public_key, backup_eligible, error } in LOGGED_IN {
        let response = json!({
            "clientDataJSON": text(client_data), "authenticatorData": text(authenticator_data), "signature": text(signature),
            "userHandle": "AAAA",
        });
        let sent = json!({"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": response});
        let authentication = Authentication::parse(&sent.to_string()).unwrap();
        let passkey = Passkey { user_handle: &[0; 3], public_key: &text(public_key), backup_eligible };
        let used = authentication.verify(&party(), &text(challenge), passkey);
        assert_eq!(used.map(|used| used.sign_count), error.map_or(Ok(0), Err));

        let key = PublicKey::parse(&bytes(public_key)).unwrap();
        let mut signed = [bytes(authenticator_data), Sha256::digest(bytes(client_data)).to_vec()].concat();
        assert_eq!(key.verify(&signed, &bytes(signature)), Ok(()));
        signed[0] ^= 1;
        assert_eq!(key.verify(&signed, &bytes(signature)), Err(Error::Signature));
    }
}

const REGISTERED: [Registered; 3] = [
    // packed-self-es256
    Registered {
        challenge: "7869c2b772d4b58eba9378cf8f29e26cf935aa77df0da89fa99c0bdc0a76f7e5",
        client_data: "7b2274797065223a22776562617574686e2e637265617465222c226368616c6c656e6765223a2265476e4374334c55745936366b336a506a796e69\
            62506b31716e666644616966715a774c33417032392d55222c226f726967696e223a2268747470733a2f2f6578616d706c652e6f7267222c226372\
            6f73734f726967696e223a66616c73652c22657874726144617461223a22636c69656e74446174614a534f4e206d617920626520657874656e6465\
            642077697468206164646974696f6e616c206669656c647320696e20746865206675747572652c207375636820617320746869733a205539685458\
            764b453255526b4d6e625f307859485667227d",
        attestation_object: "a363666d74667061636b65646761747453746d74a263616c672663736967584630440220067a20754ab925005dbf378097c92120031581c73228d1\
            fb4f5b881bcd7da98302207fc7b147558c7c0eba3af18bd9d121fa3d3a26d17fe3f220272178f473b6006d68617574684461746158a4bfabc37432\
            958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b55d00000000df850e09db6afbdfab51697791506cfc0020455ef34e2043a87db3\
            d4afeb39bbcb6cc32df9347c789a865ecdca129cbef58ca5010203262001215820eb151c8176b225cc651559fecf07af450fd85802046656b34c18\
            f6cf193843c5225820927b8aa427a2be1b8834d233a2d34f61f13bfd44119c325d5896e183fee484f2",
        error: None,
    },
    // none-es256
    Registered {
        challenge: "00c30fb78531c464d2b6771dab8d7b603c01162f2fa486bea70f283ae556e130",
        client_data: "7b2274797065223a22776562617574686e2e637265617465222c226368616c6c656e6765223a22414d4d507434557878475453746e636471343137\
            59447742466938767049612d7077386f4f755657345441222c226f726967696e223a2268747470733a2f2f6578616d706c652e6f7267222c226372\
            6f73734f726967696e223a66616c73652c22657874726144617461223a22636c69656e74446174614a534f4e206d617920626520657874656e6465\
            642077697468206164646974696f6e616c206669656c647320696e20746865206675747572652c207375636820617320746869733a20426b516544\
            6a646354427258426941774a544c453551227d",
        attestation_object: "a363666d74646e6f6e656761747453746d74a068617574684461746158a4bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452\
            b2e4b559000000008446ccb9ab1db374750b2367ff6f3a1f0020f91f391db4c9b2fde0ea70189cba3fb63f579ba6122b33ad94ff3ec330084be4a5\
            010203262001215820afefa16f97ca9b2d23eb86ccb64098d20db90856062eb249c33a9b672f26df61225820930a56b87a2fca66334b03458abf87\
            9717c12cc68ed73290af2e2664796b9220",
        error: Some(Error::UserVerification),
    },
    // none-es256-crossOrigin
    Registered {
        challenge: "3be5aacd03537142472340ab5969f240f1d87716e20b6807ac230655fa4b3b49",
        client_data: "7b2274797065223a22776562617574686e2e637265617465222c226368616c6c656e6765223a224f2d57717a514e5463554a484930437257576e79\
            51504859647862694332674872434d475666704c4f306b222c226f726967696e223a2268747470733a2f2f6578616d706c652e6f7267222c226372\
            6f73734f726967696e223a747275652c22657874726144617461223a22636c69656e74446174614a534f4e206d617920626520657874656e646564\
            2077697468206164646974696f6e616c206669656c647320696e20746865206675747572652c207375636820617320746869733a207a5a71754574\
            44523944577170573574425754467567227d",
        attestation_object: "a363666d74646e6f6e656761747453746d74a068617574684461746158a4bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452\
            b2e4b54500000000883f4f6014f19c09d87aa38123be48d000206e1050c0d2ca2f07c755cb2c66a74c64fa43065c18f938354d9915db2bd5ce57a5\
            01020326200121582022200a473f90b11078851550d03b4e44a2279f8c4eca27b3153dedfe03e4e97d225820cbd0be95e746ad6f5a8191be11756e\
            4c0420e72f65b466d39bc56b8b123a9c6e",
        error: Some(Error::Embedded),
    },
];

const LOGGED_IN: [LoggedIn; 5] = [
    // packed-es256
    LoggedIn {
        challenge: "b1106fa46a57bef1781511c0557dc898a03413d5f0f17d244630c194c7e1adb5",
        authenticator_data: "bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b50d00000000",
        client_data: "7b2274797065223a22776562617574686e2e676574222c226368616c6c656e6765223a2273524276704770587676463446524841565833496d4b41\
            30453958773858306b526a44426c4d6668726255222c226f726967696e223a2268747470733a2f2f6578616d706c652e6f7267222c2263726f7373\
            4f726967696e223a66616c73652c22657874726144617461223a22636c69656e74446174614a534f4e206d617920626520657874656e6465642077\
            697468206164646974696f6e616c206669656c647320696e20746865206675747572652c207375636820617320746869733a20415a4d77794d7849\
            6244382d756775464e7036723851227d",
        signature: "30450220694969d3ee928de6f02ef23a9c644d7d779916451734a94b432542f498a1ebe90221008b0819c824218a97152cd099c55bfb1477b29d90\
            0a49a64018314f9bfccda163",
        public_key: "a50102032620012158201cf27f25da591208a4239c2e324f104f585525479a29edeedd830f48e77aeae522582059e4b7da6c0106e206ce390c93ab\
            98a15a5ec3887e57f0cc2bece803b920c423",
        backup_eligible: true,
        error: None,
    },
    // none-es256-crossOrigin
    LoggedIn {
        challenge: "876aa517ba83fdee65fcffdbca4c84eeae5d54f8041a1fc85c991e5bbb273137",
        authenticator_data: "bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b50500000000",
        client_data: "7b2274797065223a22776562617574686e2e676574222c226368616c6c656e6765223a226832716c463771445f65356c5f505f62796b7945377135\
            645650674547685f49584a6b655737736e4d5463222c226f726967696e223a2268747470733a2f2f6578616d706c652e6f7267222c2263726f7373\
            4f726967696e223a747275652c22657874726144617461223a22636c69656e74446174614a534f4e206d617920626520657874656e646564207769\
            7468206164646974696f6e616c206669656c647320696e20746865206675747572652c207375636820617320746869733a20393270635456443041\
            62792d713464746d6a36656667227d",
        signature: "3046022100eb12fcf23b12764c0f122e22371fab92e283879fd798f38ee1841c951b6e40e7022100c76237ff9db77b3c56f30837cda6a09acfa2e9\
            15544e609c0733b1184036d1cf",
        public_key: "a501020326200121582022200a473f90b11078851550d03b4e44a2279f8c4eca27b3153dedfe03e4e97d225820cbd0be95e746ad6f5a8191be1175\
            6e4c0420e72f65b466d39bc56b8b123a9c6e",
        backup_eligible: false,
        error: Some(Error::Embedded),
    },
    // none-es256
    LoggedIn {
        challenge: "39c0e7521417ba54d43e8dc95174f423dee9bf3cd804ff6d65c857c9abf4d408",
        authenticator_data: "bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b51900000000",
        client_data: "7b2274797065223a22776562617574686e2e676574222c226368616c6c656e6765223a224f63446e55685158756c5455506f334a55585430493937\
            70767a7a59425039745a63685879617630314167222c226f726967696e223a2268747470733a2f2f6578616d706c652e6f7267222c2263726f7373\
            4f726967696e223a66616c73657d",
        signature: "3046022100f50a4e2e4409249c4a853ba361282f09841df4dd4547a13a87780218deffcd380221008480ac0f0b93538174f575bf11a1dd5d78c6e4\
            86013f937295ea13653e331e87",
        public_key: "a5010203262001215820afefa16f97ca9b2d23eb86ccb64098d20db90856062eb249c33a9b672f26df61225820930a56b87a2fca66334b03458abf\
            879717c12cc68ed73290af2e2664796b9220",
        backup_eligible: true,
        error: Some(Error::UserVerification),
    },
    // packed-eddsa
    LoggedIn {
        challenge: "895957e01c633a698348a2d8a31a54b7db27e8c1c43b2080d79ae2190267bfd2",
        authenticator_data: "bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b50100000000",
        client_data: "7b2274797065223a22776562617574686e2e676574222c226368616c6c656e6765223a2269566c583442786a4f6d6d44534b4c596f787055743973\
            6e364d48454f7943413135726947514a6e763949222c226f726967696e223a2268747470733a2f2f6578616d706c652e6f7267222c2263726f7373\
            4f726967696e223a66616c73657d",
        signature: "f5c59c7e46c34f6f8cc197101ddf9934fa2595f68eb1913a637e8419eb9ba4cfdfc48f85393bc0d40b011f0d6fecb097d6607525713223a0dc0d45\
            3993dae00b",
        public_key: "a401010327200621582044e06ddd331c36a8dc667bab52bcae63486c916aa5e339e6acebaa84934bf832",
        backup_eligible: false,
        error: Some(Error::UserVerification),
    },
    // packed-rs256
    LoggedIn {
        challenge: "295f59f5fa8fe62c5aca9e27626c78c8da376ae6d8cd2dd29aebad601e1bc4c5",
        authenticator_data: "bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b51900000000",
        client_data: "7b2274797065223a22776562617574686e2e676574222c226368616c6c656e6765223a224b56395a39667150356978617970346e596d7834794e6f\
            33617562597a5333536d75757459423462784d55222c226f726967696e223a2268747470733a2f2f6578616d706c652e6f7267222c2263726f7373\
            4f726967696e223a66616c73657d",
        signature: "01063d52d7c39b4d432fc7063c5d93e582bdcb16889cd71f888d67d880ea730a428498d3bc8e1ee11f2b1ecbe6c292b118c55ffaaddefa8cad0a54\
            dd137c51f1eec673f1bb6c4d1789d6826a222b22d0f585fc901fdc933212e579d199b89d672aa44891333e6a1355536025e82b25590256c3538229\
            b55737083b2f6b9377e49e2472f11952f79fdd0da180b5ffd901b4049a8f081bb40711bef76c62aed943571f2d0575304cb549d68d8892f95086a3\
            0f93716aee818f8dc06e96c0d5e0ed4cfa9fd8773d90464b68cf140f7986666ff9c9e3302acd0535d60d769f465e2ab57ef8aabc89fccfef7ba32a\
            64154a8b3d26be2298f470b8cc5377dbe3dfd4b0b45f8f01e63bde6cfc76b62771f9b70aa27cf40152cad93aa5acd784fd4b90f676e2ea828d0bf2\
            400aebbaae4153e5838f537f88b6228346782a93a899be66ec77de45b3efcf311da6321c92e6b0cd11bfe653bf3e98cee8e341f02d67dbb6f9c98d\
            9e8178090cfb5b70fbc6d541599ac794ae2f1d4de1286ec8de8c2daf7b1d15c8438e90d924df5c19045220a4c8438c1b979bbe016cf3d0eeec23c3\
            999d4882cc645b776de930756612cdc6dd398160ff02a6",
        public_key: "a4010303390100205901b403ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
            ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
            fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7ffffffffff\
            ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
            ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff8000000000000000\
            0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\
            0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\
            000000000000000000000000000000000000000000000000000000000000000000012143010001",
        backup_eligible: true,
        error: Some(Error::UserVerification),
    },
];
