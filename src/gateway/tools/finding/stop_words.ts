import { stemWord } from "./words.ts";

/** Words that say nothing about a tool. */
export const STOP_WORDS: ReadonlySet<string> = new Set(
  (`a an the of to in on for and or with by from is are be been was were am this that these those it its as at into your ` +
    `you i my me we our us they them their he she his her will would can could should shall may might must do does did ` +
    `done have has had having when if then than so not no nor but because while how what which who whom whose where why ` +
    `there here about over under again once only own same very just also too please want wanted need needs needed like ` +
    `let lets use used using tool tools something someone anything thing things stuff some any each every all other ` +
    `another such both few more most via per out up down off able way ways get got give given`)
    .split(" "),
);

/** Stems of words that say little about a tool. */
export const WEAK_STEMS: ReadonlySet<string> = new Set(
  (`one two three four five six seven eight nine ten second third everything everyone nothing good bad wrong right nice ` +
    `current recent kind lot bit quick simple real actual already still ever never always today now first last sure exist ` +
    `certain specific particular different whole entire complete detail possible know tell say said mean seem look put set ` +
    `work call help better best great big small long short old else instead even much many yet etc user server make check`)
    .split(" ")
    .map(stemWord),
);
