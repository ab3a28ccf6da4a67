"""Layout families: outlets share a few content systems, so a new outlet of a known one needs no selectors.

A family is recognised by its marks (all of them must be on the page) and read with its layout. The order is the order of
trust: the most particular marks first. Each entry says where its facts come from: "saved page" is a page that was looked
at; "hint" is a fact gathered from public crawlers, not checked on the live site.
"""

from __future__ import annotations

from dataclasses import dataclass

from crawlers.extraction.page import Element, Page, text_of
from diembao.article import Kind
from diembao.source import Layout


@dataclass(frozen=True)
class Family:
    """One content system.

    Attributes:
        name: how it is called here.
        marks: `.class`, `#id` or `@itemprop` names that are all on its pages.
        layout: its selectors.
        evidence: where the selectors come from.
        kind: the kind of its outlets when it says so (a forum).
    """

    name: str
    marks: tuple[str, ...]
    layout: Layout
    evidence: str
    kind: Kind | None = None


_ZCE = Layout(
    title="h1.article__title, h1.article__header, .cms-title",
    lead=".article__sapo, .cms-desc",
    body=".zce-content-body",
    remove=[".cms-relate", ".article__relate", ".cms-photo figcaption", ".ads_middle", "[id^=adsWeb_]", ".article__tag"],
    authors=".article__author .name, .cms-author, .article__author",
    published=".article__meta time, .cms-date, time.time, time",
    section=".breadcrumbs, .breadcrumb",
)

FAMILIES: tuple[Family, ...] = (
    Family(
        "vnexpress",
        (".fck_detail",),
        Layout(
            title="h1.title-detail, h1.title_news_detail, .title_news h1, h1.title-news",
            lead="p.description, .short_intro, h2.description",
            body=".fck_detail",
            remove=[
                ".box_brief_info",
                ".box-tinlienquanv2",
                ".width_common.box-tinlienquanv2",
                ".list-news",
                ".banner-ads",
                ".box_category",
            ],
            authors=".author_mail, p.author",
            published="span.date, .header-content .date, .block_timer_share .block_timer, span.time",
            section="ul.breadcrumb, .breadcrumb",
        ),
        "saved page of 2025 (title-detail, description, fck_detail, span.date); hint: fundus (2025) and docbao (2019)",
    ),
    Family(
        "vnexpress-2012",
        (".Title", ".Lead", ".Normal"),
        Layout(
            title=".Title",
            lead=".Lead",
            body=":has(> p.Normal)",
            remove=[".RelatedLeadSubject", ".RelatedLead"],
            published=".timePost, .date, .txtdate",
        ),
        "saved page of 2012 (ione.vnexpress.net: h3.Title, p.Lead, p.Normal, span.timePost)",
    ),
    Family(
        "vccorp",
        (".detail-content", ".afcbc-body"),
        Layout(
            title="h1.detail-title, h1[data-role=title], h1.article-title, h1.title",
            lead="h2.detail-sapo, [data-role=sapo], .detail-sapo, .sapo",
            body=".detail-content.afcbc-body",
            remove=[
                "[type=RelatedOneNews]",
                "[type=RelatedNewsBox]",
                "[type=RelatedNews]",
                ".VCSortableInPreviewMode[type=RelatedOneNews]",
                "[type=Photo] figcaption",
                ".link-content-footer",
                ".VCCSlide",
                "[type=content-toc]",
                ".detail-relate",
                ".chisochungkhoan",
                ".tindnd",
                "#listNewsInContent",
                "#reactRelate",
                ".c-banner",
                ".admzone",
                ".h-show-pc",
                ".h-show-mobile",
            ],
            authors=".author-info .name, .detail-author .name, [data-role=author], .detail-author, span.author",
            published="[data-role=publishdate], .detail-time, .publishDate, .pdate",
            section="[data-role=cate-name], .detail-cate, .breadcrumb",
        ),
        "hint: tuoitre.vn, thanhnien.vn, nld.com.vn, soha.vn, suckhoedoisong.vn in public crawlers; cafef.vn, baochinhphu.vn as measured "
        "in 2026 (twan507/dulieuchungkhoan.vn docs/10-sources/news/article-structure.md)",
    ),
    Family(
        "vccorp-2012-dantri",
        (".fon31", ".fon33", ".fon34"),
        Layout(
            title=".fon31",
            lead="h2.fon33, .fon33",
            body=".fon34",
            published=".breadcrumb .fr, .box26 .fr",
            section=".box26 .breadcrumbitem1",
        ),
        "saved page of 2012 (dantri.com.vn: h1.fon31, h2.fon33, div.fon34, span.fr.fon7)",
    ),
    Family(
        "vccorp-2012-genk",
        (".news-showtitle", ".init_content"),
        Layout(
            title=".news-showtitle h1",
            lead=".init_content",
            body=":has(> .init_content)",
            remove=[".init_content", ".tinlienquan", ".capnhatapple"],
            section=".news-showtitle #title",
        ),
        "saved page of 2012 (genk.vn: .news-showtitle h1, .init_content, .note)",
    ),
    Family(
        "dantri",
        (".singular-content",),
        Layout(
            title="h1.title-page, h1.singular-title, h1.e-magazine__title",
            lead="h2.singular-sapo, .singular-sapo",
            body=".singular-content",
            remove=[".dt-news__related", ".article-related"],
            authors=".author-name, .author-wrap .author-name",
            published="time.author-time, .author-time",
            section=".breadcrumbs, .breadcrumb",
        ),
        "hint: public crawlers (title-page, singular-sapo, singular-content, time.author-time@datetime)",
    ),
    Family(
        "dantri-2019",
        (".dt-news__content",),
        Layout(
            title="h1.dt-news__title",
            lead=".dt-news__sapo h2, .dt-news__sapo",
            body=".dt-news__content",
            published="span.dt-news__time",
            section=".dt-breadcrumb",
        ),
        "hint: public crawlers (dt-news__*)",
    ),
    Family(
        "zce-cms",
        (".zce-content-body",),
        _ZCE,
        "hint: nhandan.vn, vietnamplus.vn, sggp.org.vn, tienphong.vn, baogialai.com.vn, baohatinh.vn, plo.vn in public crawlers",
    ),
    Family(
        "cms-body",
        (".article__body", ".cms-body"),
        _ZCE.model_copy(update={"body": ".article__body"}),
        "tinnhanhchungkhoan.vn as measured in 2026 (twan507/dulieuchungkhoan.vn docs/10-sources/news/article-structure.md)",
    ),
    Family(
        "vietnamnet",
        (".maincontent",),
        Layout(
            title="h1.content-detail-title",
            lead="h2.content-detail-sapo, .content-detail-sapo",
            body=".maincontent",
            remove=[".insert-wiki-content", ".vnn-template-noneditable", ".inner-article", ".article-relate"],
            authors=".article-detail-author__info .name, .article-detail-author .name",
            published=".bread-crumb-detail__time",
            section=".bread-crumb-detail",
        ),
        "hint: docbao and public crawlers; unverified",
    ),
    Family(
        "vietnamnet-2019",
        (".ArticleContent", ".ArticleLead"),
        Layout(
            title="h1.title",
            lead=".ArticleLead",
            body=".ArticleContent",
            remove=[".ArticleLead", ".article-relate", ".ArticleRelate", ".inner-article", ".box-taitro", ".template-ReferToMore"],
            published=".ArticleDate",
        ),
        "hint: docbao (2019), tuananh045/aggregator-news-backend (h1.title, .ArticleLead, .ArticleContent, .ArticleDate)",
    ),
    Family(
        "p-classes-2012",
        (".pTitle", ".pBody"),
        Layout(
            title=".pTitle",
            lead=".pHead",
            body=":has(> p.pBody)",
            remove=[".pTitle", ".pHead", ".pCaption", ".share_buttons", ".discussion_tools", ".more_news"],
            authors=".pAuthor",
            published=".timestamp, .pDate, .date",
            credit=".pSource",
            section=".subheader .sub_cate",
        ),
        "saved page of 2012 (news.zing.vn: pTitle, pHead, pBody, pSubTitle, pCaption, pAuthor, pSource)",
    ),
    Family(
        "24h-2012",
        (".baiviet-title", ".text-conent"),
        Layout(
            title=".baiviet-title",
            lead=".baiviet-head-noidung",
            body=".text-conent",
            authors=".nguontin",
            credit=".nguontin",
            published=".publication_date",
            section=".chuyenmuc_title",
        ),
        "saved page of 2012 (24h.com.vn: baiviet-title, baiviet-head-noidung, text-conent, nguontin)",
    ),
    Family(
        "nld-2012",
        (".older-news", ".content", ".time"),
        Layout(title="h1", body="p.time ~ .content", published="p.time", section=".path strong"),
        "saved page of 2012 (nld.com.vn: h1, p.time, h3 as lead, div.content)",
    ),
    Family(
        "thanhnien-2012",
        (".mainTitle", ".article-content"),
        Layout(title=".mainTitle", body=".article-content", published=".date-line"),
        "saved page of 2012 (thanhnien.com.vn on SharePoint: mainTitle, date-line, article-content with h2 as lead)",
    ),
    Family(
        "xenforo",
        ("#XenForo", ".messageText"),
        Layout(
            title=".titleBar h1",
            body="#messageList > li:first-child .messageText",
            remove=[".quoteContainer", ".bbCodeQuote"],
            authors="#messageList > li:first-child .messageUserInfo .username",
            published="#pageDescription .DateTime",
            section=".crust:last-child",
        ),
        "saved page of 2012 (tinhte.vn on XenForo 1)",
        "forum",
    ),
    Family(
        "xenforo-2",
        (".p-title-value", ".message-body"),
        Layout(
            title="h1.p-title-value",
            body="article.message:first-of-type .message-body .bbWrapper, .block-body > .message:first-child .bbWrapper",
            remove=[".bbCodeBlock--quote"],
            authors=".p-description .username",
            published=".p-description time.u-dt",
            section=".p-breadcrumbs li:last-child",
        ),
        "hint: the templates that XenForo 2 ships (p-title-value, p-description, message-body, bbWrapper, u-dt)",
        "forum",
    ),
    Family(
        "discourse",
        (".crawler-post", ".post"),
        Layout(
            title="#topic-title h1, h1",
            body="div.crawler-post:first-of-type .post",
            authors="div.crawler-post:first-of-type .creator",
            published="div.crawler-post:first-of-type time",
        ),
        "hint: the crawler view that Discourse ships (crawler-post, creator, post)",
        "forum",
    ),
    Family(
        "zing",
        (".the-article-body",),
        Layout(
            title="h1.the-article-title, .the-article-header h1",
            lead="p.the-article-summary, .the-article-summary",
            body=".the-article-body",
            remove=["table.article", ".surveywidget", "#innerarticle", ".inner-article", ".z-widget-corona"],
            authors=".the-article-credit .author, .the-article-author, li.the-article-author",
            published=".the-article-publish",
            section="p.the-article-category",
        ),
        "hint: selectors of znews.vn/zingnews.vn that five public crawlers agree on (2018-2025)",
    ),
    Family(
        "kenh14",
        (".knc-content",),
        Layout(
            title="h1.kbwc-title",
            lead=".knc-sapo",
            body=".knc-content",
            remove=[".knc-relate-wrapper", ".link-content-footer", ".VCSortableInPreviewMode[type=RelatedNewsBox]", ".StarNameCaption"],
            authors=".kbwcm-author",
            credit=".kbwcm-source",
            published=".kbwcm-time",
            section=".kbwcm-cate",
        ),
        "hint: selectors of kenh14.vn and genk.vn in public crawlers and readers (2018-2024)",
    ),
    Family(
        "tuoitre-2017",
        (".txt-head", ".fck"),
        Layout(title="h1.title-2", lead="h2.txt-head", body=".fck", published=".tool-bar .date", authors=".author"),
        "hint: tuoitre.vn in a public reader script (2017-2019)",
    ),
    Family(
        "cafef-2019",
        (".contentdetail", ".sapo"),
        Layout(
            title="h1.title",
            lead=".sapo",
            body=".contentdetail",
            remove=[".tindnd", ".tinlienquan", ".link-content-footer", ".chisochungkhoan", ".avatardesc"],
            authors="p.author, .author .name",
            credit="p.source",
            published=".pdate",
        ),
        "hint: cafef.vn and vneconomy.vn in a public reader script (2019)",
    ),
    Family(
        "thanhnien-2019",
        ("#abody",),
        Layout(
            title="h1.details__headline, h1.main-title",
            lead=".sapo",
            body="#abody",
            remove=[".details__morenews", ".article-poll", "article.story", ".morenews"],
            authors=".details__author h4, .details__author a[title]",
            published=".details__meta time, .meta time",
        ),
        "hint: thanhnien.vn in public crawlers (2018-2020)",
    ),
    Family(
        "vccorp-2016",
        ("#divNewsContent",),
        Layout(
            title="h1",
            lead=".sapo",
            body="#divNewsContent",
            remove=[
                ".news-tag",
                ".tinlienquanold",
                ".tlqdetailtotal",
                ".tlqdetail",
                ".tlqrdetail",
                ".totaltlqbotcontent",
                ".displaynone",
                ".link-content-footer",
            ],
            authors=".nguon-tin-detail",
            published=".ngayxuatban, .box26 span.tt-capitalize, .tt-capitalize",
        ),
        "hint: dantri.com.vn and nld.com.vn in a public reader script (2016-2019)",
    ),
    Family(
        "tienphong-2018",
        ("#headline", ".article-body"),
        Layout(title="#headline", lead=".article-sapo", body=".article-body", authors=".article-author", published=".byline-dateline time"),
        "hint: tienphong.vn in a public reader script (2018)",
    ),
    Family(
        "24h",
        ("#article_body",),
        Layout(
            title="h1",
            lead="#article_sapo",
            body="#article_body",
            remove=[".bv-lq", ".baiviet-bailienquan"],
            published=".cate-24h-foot-arti-deta-cre-post",
        ),
        "hint: 24h.com.vn in a public crawler (2024)",
    ),
    Family(
        "vov",
        ("#article-body", ".vov-content"),
        Layout(
            title=".vov-content h1",
            lead=".sapo",
            body="#article-body",
            remove=["article.story"],
            authors=".author .name",
            published=".meta time",
        ),
        "hint: vov.vn in a public reader script (2019)",
    ),
    Family(
        "laodong-2018",
        (".section-title", ".article-content"),
        Layout(
            title=".section-title h1", lead="p.abs", body=".article-content", authors="span.author", published=".f-datetime, .time time"
        ),
        "hint: laodong.vn in laiviet/crawler (2018)",
    ),
    Family(
        "vietnambiz",
        (".vnbcbc-body",),
        Layout(
            title="h1.vnbcb-title",
            lead=".vnbcbc-sapo, .sapo",
            body=".vnbcbc-body",
            remove=[".VnBizPreviewMode"],
            published=".vnbcba-time",
            authors="p.author",
        ),
        "vietnambiz.vn as measured in 2026 (twan507/dulieuchungkhoan.vn docs/10-sources/news/article-structure.md)",
    ),
    Family(
        "vtc",
        (".edittor-content",),
        Layout(
            title="h1",
            lead="h2.font18.bold, h2.font18",
            body=".edittor-content",
            published=".time-update, .date-time",
            authors=".author-make",
        ),
        "hint: vtcnews.vn in a public crawler (2024)",
    ),
    Family(
        "cand",
        (".box-title-detail", ".detail-content-body"),
        Layout(title="h1.box-title-detail", lead=".box-des", body=".detail-content-body", published=".box-date", authors=".box-author"),
        "hint: cand.com.vn in public crawlers",
    ),
    Family(
        "qdnd",
        (".post-title", ".post-subinfo"),
        Layout(title="h1.post-title", lead=".post-summary", body=".articleBody, [itemprop=articleBody]", published=".post-subinfo"),
        "hint: qdnd.vn in public crawlers",
    ),
    Family(
        "hemera",
        (".b-maincontent",),
        Layout(
            title="h1.sc-longform-header-title, .block-sc-title, h1.c-detail-head__title, h1",
            lead=".sc-longform-header-sapo, .block-sc-sapo",
            body=".b-maincontent",
            remove=[".sc-longform-header", ".c-detail-head", ".sc-hightlight-box", ".sc-empty-layer", ".c-box"],
            authors=".sc-longform-header-author, .c-author-page",
            published=".sc-longform-header-date, .c-detail-head__time",
        ),
        "hint: hanoimoi.vn, baohaiphong.vn, baonghean.vn, baodanang.vn, congly.vn in tammuoichanhoa/crawl_lastest_news and "
        "giapham123/crawl-news-python (2025); nguoiquansat.vn as measured in 2026 (twan507/dulieuchungkhoan.vn article-structure.md)",
    ),
    Family(
        "newscontents",
        ("#newscontents",),
        Layout(title="h1, .detail-title", lead=".detail-desc, .sapo", body="#newscontents"),
        "hint: baocantho.com.vn, baoangiang.com.vn, dongkhoi.baovinhlong.vn in public crawlers (2025); baothuathienhue.vn in docbao (2019)",
    ),
    Family(
        "dcontent",
        ("#dcontent",),
        Layout(title="h1", lead=".article__sapo, .sapo", body="#dcontent"),
        "hint: baophutho.vn, baothanhhoa.vn in a public crawler (2026)",
    ),
    Family(
        "mastercms",
        (".__MASTERCMS_CONTENT",),
        Layout(
            title="h1.article-detail-title, h1.detail-title, h1",
            lead=".article-detail-desc, .detail-sapo",
            body=".__MASTERCMS_CONTENT",
            remove=[".article-detail-source", "table.MASTERCMS_TPL_TABLE"],
            published=".article-detail-date, .datetime, .format_date",
        ),
        "page of 2021 in a public repository (thoibaonganhang.vn: detail-title, detail-sapo, datetime, pictures with captions in "
        "MASTERCMS_TPL_TABLE); hint: suckhoeviet.org.vn, baoquocte.vn in public crawlers (2025-2026)",
    ),
    Family(
        "laodong",
        (".chappeau", "#gallery-ctt"),
        Layout(title="h1", lead=".chappeau", body="#gallery-ctt", remove=[".tin-lien-quan"]),
        "hint: laodong.vn in a public crawler (2026)",
    ),
    Family(
        "article-content-id",
        (".article_content", "#content"),
        Layout(
            title="h1.media-heading, h1",
            body=".article_content #content",
            remove=["h1.media-heading", ".date", "ul.social", ".bd02"],
        ),
        "hint: baodaklak.vn in tammuoichanhoa/crawl_lastest_news (2025); baoquangbinh.vn, baonamdinh.com.vn (#content) in docbao (2019)",
    ),
    Family(
        "content-detail",
        ("#content-detail",),
        Layout(title="h1", body="#content-detail"),
        "hint: baocaobang.vn in tammuoichanhoa/crawl_lastest_news (2025)",
    ),
    Family(
        "bbg",
        (".news-details__content",),
        Layout(title="h1", lead=".news_detail_sapo", body=".news-details__content", remove=[".news-related__list"]),
        "hint: baobacninhtv.vn in tammuoichanhoa/crawl_lastest_news (2025)",
    ),
    Family(
        "bnews",
        (".lr-ct", ".lr-summary-post"),
        Layout(
            title="h1.font-42, h1",
            lead=".lr-summary-post",
            body=".lr-ct",
            remove=[".lr-summary-post", ".insertImage", ".editor_inpage", "#divAdmicro_inpage", ".lr-author"],
            authors=".lr-author",
        ),
        "bnews.vn as measured in 2026 (twan507/dulieuchungkhoan.vn docs/10-sources/news/article-structure.md)",
    ),
    Family(
        "bnews-2025",
        (".post-ct-entry",),
        Layout(title=".post-top-entry h1, h1", body=".post-ct-entry"),
        "hint: bnews.vn in giapham123/crawl-news-python (2025)",
    ),
    Family(
        "vneconomy",
        ("#article-editor", ".article-header__title"),
        Layout(
            title="h1.article-header__title",
            lead=".article-content__lead",
            body="#article-editor",
            remove=[".article-content__lead", ".container-adv", "section", ".article-tags"],
            authors=".article-meta__author",
            published=".article-meta__time",
        ),
        "vneconomy.vn as measured in 2026 (twan507/dulieuchungkhoan.vn docs/10-sources/news/article-structure.md)",
    ),
    Family(
        "vietstock",
        ("#vst_detail",),
        Layout(
            title="h1.article-title",
            lead=".pHead",
            body="#vst_detail",
            remove=[".pTitle", ".pHead", ".pAuthor", ".pSource", ".pPublishTimeSource", "table.img-content", ".article-sharing"],
            authors=".pAuthor",
            published=".meta .date",
            credit=".pSource",
        ),
        "vietstock.vn as measured in 2026 (twan507/dulieuchungkhoan.vn docs/10-sources/news/article-structure.md)",
    ),
    Family(
        "singular-content-id",
        ("#contentNews",),
        Layout(title="h1.title, h1", body="#contentNews"),
        "hint: baobinhduong.vn in tammuoichanhoa/crawl_lastest_news (2025)",
    ),
    Family(
        "editor-content",
        (".editor-content",),
        Layout(title="h1", body=".editor-content"),
        "hint: baodienbienphu.vn in tammuoichanhoa/crawl_lastest_news (2025)",
    ),
    Family(
        "explus",
        ("#explus-editor",),
        Layout(title="h1", lead="h2.intro", body="#explus-editor"),
        "hint: giadinhonline.vn in a public crawler (2026)",
    ),
    Family(
        "itemprop",
        ("@articleBody",),
        Layout(
            title="h1[itemprop=headline], [itemprop=headline]:not(meta)",
            body="[itemprop=articleBody]",
            published="time[itemprop=datePublished], [itemprop=datePublished]:not(meta)",
        ),
        "schema.org's own names: articleBody, headline, datePublished",
    ),
    Family(
        "wordpress",
        (".entry-title", ".entry-content"),
        Layout(
            title="h1.entry-title, .entry-title",
            body=".entry-content",
            remove=[".sharedaddy", ".jp-relatedposts", ".wp-caption-text"],
            published="time.entry-date, .entry-date, .posted-on time",
            authors=".entry-meta .author, .byline .author, .author.vcard",
        ),
        "the template names that WordPress ships (entry-title, entry-content, wp-caption-text)",
    ),
)


@dataclass(frozen=True)
class Match:
    """A family that a page belongs to, and the elements of its body."""

    family: Family
    body: list[Element]


def recognise(page: Page) -> Match | None:
    """The family of `page`, the first of the table whose marks are all there and whose body holds text; None for none."""
    for family in FAMILIES:
        if all(mark in page.marks for mark in family.marks):
            body = _outermost(page, page.select(family.layout.body or ""))
            if body and max(len(text_of(element)) for element in body) > 150:
                return Match(family, body)
    return None


def _outermost(page: Page, found: list[Element]) -> list[Element]:
    """The match with the most text; with it every other one beside it that belongs to the same parent."""
    if len(found) < 2:
        return found
    best = max(found, key=lambda element: len(text_of(element)))
    return [
        element
        for element in found
        if element is best or (element.getparent() is best.getparent() and element.get("class") == best.get("class"))
    ]
